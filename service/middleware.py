"""What surrounds every answer: a request id, security headers, and errors as problem documents."""

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .ids import new_id
from .problems import MEDIA_TYPE, InvalidOption, MalformedBody, MethodNotAllowed, NotFound, report


def security_headers(*, wasm: bool) -> dict[str, str]:
    """Headers of every answer; `wasm` lets the page compile WebAssembly, to run the model in the browser."""
    scripts = "'self' 'wasm-unsafe-eval'" if wasm else "'self'"
    return {
        "Content-Security-Policy": "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
        f"connect-src 'self' ws: wss:; style-src 'self'; script-src {scripts}; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }


def render(connection: HTTPConnection, error: Exception) -> Response:
    """Any exception as a problem document."""
    problem, document = report(
        _translated(error), instance=connection.url.path, request_id=getattr(connection.state, "request_id", "")
    )
    return JSONResponse(document, problem.status, headers=problem.headers, media_type=MEDIA_TYPE)


def _translated(error: Exception) -> Exception:
    """FastAPI's and Starlette's own exceptions as problems; any other exception as it is."""
    match error:
        case RequestValidationError():
            return InvalidOption("; ".join(f"{item['loc'][-1]}: {item['msg']}" for item in error.errors()) + ".")
        case HTTPException(status_code=MethodNotAllowed.status):
            return MethodNotAllowed("See /docs for the methods of each path.")
        case HTTPException():
            return NotFound("See /docs for the paths that exist.")
        case ClientDisconnect():
            return MalformedBody("The client left before its body was complete.")
    return error


class AnswerMiddleware:
    """ASGI middleware: gives every request an id, and every answer that id and the security headers."""

    def __init__(self, app: ASGIApp, headers: dict[str, str]) -> None:
        self._app, self._headers = app, headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        request_id = new_id()
        scope.setdefault("state", {})["request_id"] = request_id

        started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = request_id
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
                # The page's files are checked again each time (their ETag makes that cheap): after an upgrade a browser
                # would otherwise mix old modules with new ones. Results are stored nowhere.
                cached = "etag" in headers or not scope["path"].startswith("/v1/")
                headers["Cache-Control"] = "no-cache" if cached else "no-store"
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except Exception as error:
            # A handler registered with FastAPI for Exception would answer outside this middleware, without its headers.
            if scope["type"] != "http" or started:
                raise
            await render(Request(scope), error)(scope, receive, send_with_headers)
