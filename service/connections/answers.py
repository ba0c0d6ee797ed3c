"""A problem as the bytes of an HTTP/1.1 answer, for what is refused before the application sees it."""

import http
import json
from typing import Any

from ..ids import new_id
from ..problems import MEDIA_TYPE, Problem
from ..record import OTHER_METHOD, UNMATCHED, Record
from ..state import State


def problem_answer(problem: Problem, path: str, app_state: dict[str, Any], *, body: bool = True) -> bytes:
    """The whole answer, after which the connection ends; `body` is False for an answer to HEAD.

    It is counted and logged by the service's State, which the lifespan has put into uvicorn's `app_state`.
    """
    request_id = new_id()
    content = json.dumps(problem.document(path, request_id)).encode()
    state: State | None = app_state.get("service")
    if state is not None:
        record = Record(request_id, OTHER_METHOD, UNMATCHED, meter=state.metrics, status=problem.status, complete=True)
        record.add_problem(problem.code)
        record.bytes_out = len(content)
        record.end()
        state.keep_record(record)
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
