"""Errors that know their own status and code, and the one function that logs and renders them (RFC 9457)."""

import logging
from typing import Any, ClassVar

from . import record

log = logging.getLogger("service")

MEDIA_TYPE = "application/problem+json"


class Problem(Exception):
    """What a client did wrong or has to wait for. `detail` is a sentence for that client.

    Subclasses fix `status`, `code` (stable, the same on REST and WebSocket) and `title`.
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"
    title: ClassVar[str] = "The service failed"
    # Where a body was not read to its end, its rest would be parsed as the next request.
    ends_connection: ClassVar[bool] = False

    def __init__(self, detail: str, *, limit: int | float | None = None, retry_after_s: int | None = None):
        super().__init__(detail)
        self.detail = detail
        self.limit = limit
        self.retry_after_s = retry_after_s

    def document(self, instance: str, request_id: str) -> dict[str, Any]:
        """The problem as a JSON object; `instance` is the path that met it."""
        document = {
            "type": f"urn:fer:problem:{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "instance": instance,
            "code": self.code,
            "request_id": request_id,
        }
        return document if self.limit is None else {**document, "limit": self.limit}

    def to_wire(self) -> dict[str, Any]:
        """What `problem_from_wire` makes the same problem of, in another process."""
        return {"code": self.code, "detail": self.detail, "limit": self.limit, "retry_after_s": self.retry_after_s}

    @property
    def headers(self) -> dict[str, str]:
        """Response headers that belong to the problem."""
        headers = {} if self.retry_after_s is None else {"Retry-After": str(self.retry_after_s)}
        return {**headers, "Connection": "close"} if self.ends_connection else headers


class MalformedRequest(Problem):
    status, code, title = 400, "malformed_request", "The request is not valid HTTP"


class MalformedBody(Problem):
    status, code, title = 400, "malformed_body", "The body cannot be read"


class Unauthorized(Problem):
    status, code, title = 401, "unauthorized", "A key is needed"

    @property
    def headers(self) -> dict[str, str]:
        return {**super().headers, "WWW-Authenticate": 'Bearer realm="fer"'}


class ForbiddenOrigin(Problem):
    status, code, title = 403, "forbidden_origin", "This page may not use this service"


class ForbiddenHost(Problem):
    status, code, title = 403, "forbidden_host", "The service is not known by this name"


class NotFound(Problem):
    status, code, title = 404, "not_found", "There is nothing at this path"


class MethodNotAllowed(Problem):
    status, code, title = 405, "method_not_allowed", "This path has another method"

    def __init__(self, detail: str, *, allow: str = "GET", **members: Any) -> None:
        """`allow`: the path's methods; HEAD is answered wherever GET is."""
        super().__init__(detail, **members)
        self._allow = allow.replace("GET", "GET, HEAD") if "HEAD" not in allow else allow

    @property
    def headers(self) -> dict[str, str]:
        return {**super().headers, "Allow": self._allow}


class HeadersTooSlow(Problem):
    status, code, title = 408, "headers_too_slow", "The request's headers took too long to arrive"


class BodyTooSlow(Problem):
    status, code, title = 408, "body_too_slow", "The body took too long to arrive"
    ends_connection = True


class BodyTooLarge(Problem):
    status, code, title = 413, "body_too_large", "The body is too large"
    ends_connection = True


class UnsupportedMediaType(Problem):
    status, code, title = 415, "unsupported_media_type", "This kind of file is not supported"


class InvalidOption(Problem):
    status, code, title = 422, "invalid_option", "An option is unknown or has a bad value"


class UndecodableImage(Problem):
    status, code, title = 422, "undecodable_image", "The image is damaged"


class ImageTooManyPixels(Problem):
    status, code, title = 422, "image_too_many_pixels", "The image has too many pixels"


class UndecodableVideo(Problem):
    status, code, title = 422, "undecodable_video", "The video is damaged"


class VideoTooLong(Problem):
    status, code, title = 422, "video_too_long", "The video is too long"


class VideoTooManyPixels(Problem):
    status, code, title = 422, "video_too_many_pixels", "The video's frames have too many pixels"


class RateLimited(Problem):
    status, code, title = 429, "rate_limited", "This client asks too often"


class HeadersTooLarge(Problem):
    status, code, title = 431, "headers_too_large", "The request line and headers are too large"


class MethodNotKnown(Problem):
    status, code, title = 501, "method_not_known", "There is no such method"


class Internal(Problem):
    """A fault of the service; nothing of the exception's text reaches the client."""


class Overloaded(Problem):
    status, code, title = 503, "overloaded", "The service is busy"


class Draining(Problem):
    status, code, title = 503, "draining", "The service is shutting down"


class NotReady(Problem):
    status, code, title = 503, "not_ready", "The service cannot analyse anything now"


class DeadlineExceeded(Problem):
    status, code, title = 504, "deadline_exceeded", "The answer took too long"


def report(error: Exception, *, instance: str, request_id: str) -> tuple[Problem, dict[str, Any]]:
    """The problem that an exception stands for, and its document for the client. It is counted.

    What is no Problem is a fault of the service: it is logged under `request_id`, and the client gets Internal.
    """
    if isinstance(error, Problem):
        problem = error
    else:
        log.error("request %s failed", request_id, exc_info=error)
        problem = Internal("The error has been logged under this request_id.")
    record.add_problem(problem.code)
    return problem, problem.document(instance, request_id)


def said(fault: str) -> str:
    """What is wrong with a value, without what Pydantic puts before the words of our own checks."""
    return fault.removeprefix("Value error, ")


class OutOfMemory(Problem):
    status, code, title = 503, "out_of_memory", "There is not enough memory for this"


class WorkerDied(Problem):
    status, code, title = 500, "worker_died", "The worker ended before it had an answer"


def problem_codes() -> frozenset[str]:
    """Every code that a client can meet."""
    return frozenset({Problem.code, *(kind.code for kind in Problem.__subclasses__())})


def problem_from_wire(wire: Any) -> Problem:
    """The problem that `Problem.to_wire` described. Raises ValueError where it describes none."""
    kinds = {kind.code: kind for kind in Problem.__subclasses__()}
    match wire:
        case {
            "code": str(code),
            "detail": str(detail),
            "limit": int() | float() | None as limit,
            "retry_after_s": int() | None as retry_after_s,
        } if code in kinds:
            return kinds[code](detail, limit=limit, retry_after_s=retry_after_s)
    raise ValueError("no problem is described like this")
