"""Around every answer: an id, the security headers, and errors as problem+json, FastAPI's own included."""

import logging

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .problems import MEDIA_TYPE, Internal, InvalidOption, MalformedBody, MethodNotAllowed, NotFound, Problem
from .state import new_id

log = logging.getLogger("service")


def security_headers(*, wasm: bool) -> dict[str, str]:
    """Headers of every answer; `wasm`: WebAssembly may be compiled, which a page that runs the model itself needs."""
    scripts = "'self' 'wasm-unsafe-eval'" if wasm else "'self'"
    return {
        "Content-Security-Policy": "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
        f"connect-src 'self' ws: wss:; style-src 'self'; script-src {scripts}; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }


def render(request: Request, error: Exception) -> Response:
    """Any exception as a problem document; what is not the client's doing is logged under the request's id."""
    problem = as_problem(error)
    request_id = getattr(request.state, "request_id", "")
    if isinstance(problem, Internal):
        log.error("request %s failed", request_id, exc_info=error)
    document = problem.document(request.url.path, request_id)
    return JSONResponse(document, problem.status, headers=problem.headers, media_type=MEDIA_TYPE)


def as_problem(error: Exception) -> Problem:
    """The problem that an exception stands for."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, RequestValidationError):
        return InvalidOption("; ".join(f"{item['loc'][-1]}: {item['msg']}" for item in error.errors()) + ".")
    if isinstance(error, HTTPException) and error.status_code == MethodNotAllowed.status:
        return MethodNotAllowed("See /docs for the methods of each path.")
    if isinstance(error, HTTPException):
        return NotFound("See /docs for the paths that exist.")
    if isinstance(error, ClientDisconnect):
        return MalformedBody("The client left before its body was complete.")
    return Internal("The error has been logged under this request_id.")


class Envelope:
    """ASGI middleware: gives every request an id, and every answer that id and the security headers."""

    def __init__(self, app: ASGIApp, headers: dict[str, str]) -> None:
        self._app, self._headers = app, headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        request_id = new_id()
        scope.setdefault("state", {})["request_id"] = request_id

        begun = False

        async def send_enveloped(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = request_id
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
                # Pages are asked for again (their ETag makes that cheap), or an upgrade would mix old modules with new.
                # A result is nobody's to keep.
                kept = "etag" in headers or not scope["path"].startswith("/v1/")
                headers["Cache-Control"] = "no-cache" if kept else "no-store"
            await send(message)

        try:
            await self._app(scope, receive, send_enveloped)
        except Exception as error:
            # Here and not as a handler of FastAPI's: that one's answer would bypass this envelope.
            if scope["type"] != "http" or begun:
                raise
            await render(Request(scope), error)(scope, receive, send_enveloped)
