"""A problem as the bytes of an HTTP/1.1 answer, for what is refused before the application sees it."""

import http
import json
import logging

from ..ids import new_id
from ..problems import MEDIA_TYPE, Problem

log = logging.getLogger("service.connections")


def problem_answer(problem: Problem, path: str, *, body: bool = True) -> bytes:
    """The whole answer, after which the connection ends; `body` is False for an answer to HEAD."""
    request_id = new_id()
    content = json.dumps(problem.document(path, request_id)).encode()
    log.info("request %s: %d %s", request_id, problem.status, problem.code)
    headers = {
        "content-type": MEDIA_TYPE,
        "content-length": str(len(content)),
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        "x-request-id": request_id,
        **{name.lower(): value for name, value in problem.headers.items()},
        "connection": "close",
    }
    head = f"HTTP/1.1 {problem.status} {http.HTTPStatus(problem.status).phrase}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"{head}\r\n".encode() + (content if body else b"")
