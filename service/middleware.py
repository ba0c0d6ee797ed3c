"""What surrounds every answer: its record, a request id, security headers, and errors as problem documents."""

import re
from collections.abc import Callable
from functools import lru_cache

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .ids import new_id
from .problems import MEDIA_TYPE, InvalidOption, MalformedBody, MethodNotAllowed, NotFound, report, said
from .record import Record, Templates, known_method, recording
from .state import State

_LONGEST_HOST = 256
_HOST = re.compile(r"[a-z0-9.\-:\[\]]{1,255}")


@lru_cache
def security_headers(host: str, *, wasm: bool) -> dict[str, str]:
    """Headers of every answer to who asked for `host`; `wasm` lets the page run the model in the browser."""
    scripts = "'self' 'wasm-unsafe-eval'" if wasm else "'self'"
    # Our own WebSocket addresses, which not every browser takes 'self' for.
    stream = f" ws://{host} wss://{host}" if _HOST.fullmatch(host) else ""
    return {
        "Content-Security-Policy": "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
        f"connect-src 'self'{stream}; style-src 'self'; script-src {scripts}; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
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
            return InvalidOption("; ".join(f"{item['loc'][-1]}: {said(item['msg'])}" for item in error.errors()) + ".")
        case HTTPException(status_code=MethodNotAllowed.status, headers=headers):
            return MethodNotAllowed(
                "See /docs for the methods of each path.", allow=(headers or {}).get("Allow", "GET")
            )
        case HTTPException():
            return NotFound("See /docs for the paths that exist.")
        case ClientDisconnect():
            return MalformedBody("The client left before its body was complete.")
    return error


class RecordMiddleware:
    """ASGI middleware, the outermost: gives every request and session an id, and passes on its record at the end."""

    def __init__(self, app: ASGIApp, templates: Templates) -> None:
        self._app, self._templates = app, templates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        shared = scope.setdefault("state", {})
        state: State | None = shared.get("service")
        method, route = known_method(scope.get("method", "GET")), self._templates.of(scope["path"])
        record = Record(new_id(), method, route)
        if state is not None:
            record.meter = state.metrics
            if state.tracer is not None:
                record.trace_headers = state.tracer.trace_headers(scope["headers"])
        shared["request_id"] = record.request_id

        async def receive_and_count() -> Message:
            message = await receive()
            record.bytes_in += _size(message)
            if message["type"] == "websocket.disconnect" and record.closed_by is None:
                record.close_code, record.closed_by = message.get("code"), "client"
            return message

        async def send_and_count(message: Message) -> None:
            _add_message(record, message)
            await send(message)

        with recording(record):
            try:
                await self._app(scope, receive_and_count, send_and_count)
            finally:
                record.end()
                if state is not None:
                    state.keep_record(record)


def _size(message: Message) -> int:
    """Bytes of the client's or the service's own in an ASGI message, without what HTTP and WebSocket add."""
    if text := message.get("text"):
        return len(text.encode())
    return len(message.get("body") or message.get("bytes") or b"")


def _add_message(record: Record, message: Message) -> None:
    """What a message of the service says of how the request or session goes."""
    match message["type"]:
        case "http.response.start" | "websocket.http.response.start":
            record.status = message["status"]
        case "websocket.accept":
            record.status = 101
        case "websocket.close" if record.status is None:
            record.status = 403
        case "websocket.close":
            record.close_code, record.closed_by = message.get("code", 1000), "service"
        case "http.response.body" | "websocket.http.response.body":
            record.complete = not message.get("more_body", False)
    record.bytes_out += _size(message)


def _host(scope: Scope) -> str:
    """The host that was asked for, cut off where it is too long for one."""
    host = next((value for name, value in scope["headers"] if name == b"host"), b"")
    return host[:_LONGEST_HOST].decode("latin-1").lower()


class AnswerMiddleware:
    """ASGI middleware: gives every answer the id of its request and the security headers.

    `has_wasm` says whether the page can run the model in the browser now.
    """

    def __init__(self, app: ASGIApp, has_wasm: Callable[[], bool]) -> None:
        self._app, self._has_wasm = app, has_wasm

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        request_id = scope["state"]["request_id"]
        started = False
        is_interface = scope["path"].startswith("/v1/")
        if scope["type"] == "http" and scope["method"] == "HEAD":
            # The server leaves the body out. Monitors ask so.
            scope = {**scope, "method": "GET"}

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = request_id
                for name, value in security_headers(_host(scope), wasm=not is_interface and self._has_wasm()).items():
                    headers.setdefault(name, value)
                # The page's files are checked again each time (their ETag makes that cheap): after an upgrade a browser
                # would otherwise mix old modules with new ones. Results are stored nowhere.
                cached = "etag" in headers or not is_interface
                headers["Cache-Control"] = "no-cache" if cached else "no-store"
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except Exception as error:
            # A handler registered with FastAPI for Exception would answer outside this middleware, without its headers.
            if scope["type"] != "http" or started:
                raise
            await render(Request(scope), error)(scope, receive, send_with_headers)
