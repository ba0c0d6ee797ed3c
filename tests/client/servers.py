"""Real sockets for a test: an application behind a port, and false services that say what the test wants."""

import json
import struct
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import uvicorn
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from tests.client.answers import GREETING, MODEL, problem, stream_result

# From an application to the address at which it answers until the test ends.
Serve = Callable[[ASGIApp], str]


@contextmanager
def served(app: ASGIApp) -> Iterator[str]:
    """The application behind a real socket, in a thread: its address."""
    server = uvicorn.Server(
        uvicorn.Config(app, port=0, interface="asgi3", log_level="error", timeout_graceful_shutdown=1)
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(10)


class Shelf:
    """Many applications behind one socket, each under a path of its own, as behind a proxy."""

    def __init__(self) -> None:
        self._apps: dict[str, ASGIApp] = {}

    def add(self, app: ASGIApp) -> str:
        """The path under which it answers."""
        path = f"/service{len(self._apps)}"
        self._apps[path] = app
        return path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            _, name, rest = scope["path"].split("/", 2)
            path = f"/{rest}"
            await self._apps[f"/{name}"]({**scope, "path": path, "raw_path": path.encode()}, receive, send)


class Scripted:
    """A service that gives these answers in turn, the last one again and again, and records its requests."""

    def __init__(self, *answers: Response):
        self._answers = answers
        self.asked: list[Request] = []
        self.bodies: list[bytes] = []
        self.times: list[float] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            # A client that was refused may disconnect during its next photo: no error for the terminal.
            with suppress(ClientDisconnect):
                await self.reply(Request(scope, receive), send)

    async def reply(self, request: Request, send: Send) -> None:
        answer = self._answers[min(len(self.asked), len(self._answers) - 1)]
        self.asked.append(request)
        self.times.append(time.monotonic())
        self.bodies.append(await request.body())
        await answer(request.scope, request.receive, send)


class Described(Scripted):
    """A scripted service that also says which model it has, as often as it is asked; `sha256` is that of its file."""

    sha256 = MODEL["sha256"]

    async def reply(self, request: Request, send: Send) -> None:
        if request.method == "GET":
            await JSONResponse({**MODEL, "sha256": self.sha256})(request.scope, request.receive, send)
        else:
            await super().reply(request, send)


def refused(status: int, code: str, headers: dict[str, str] | None = None, **more: Any) -> Response:
    return JSONResponse(problem(status, code, **more), status, headers, media_type="application/problem+json")


class FalseStream:
    """A false service: `behave` gets each session that is opened, and frames are numbered from 1 in each."""

    def __init__(self, behave: Callable[["FalseStream", WebSocket], Awaitable[None]]):
        self._behave = behave
        self.opened = 0
        self.headers: list[dict[str, str]] = []
        self.said: list[dict[str, Any]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            return
        socket = WebSocket(scope, receive, send)
        self.opened += 1
        self.headers.append(dict(socket.headers))
        with suppress(WebSocketDisconnect):
            await self._behave(self, socket)

    async def greet(self, socket: WebSocket, credits: int = 2) -> None:
        await socket.accept(subprotocol="fer.v1")
        await socket.send_json({**GREETING, "credits": credits})

    async def frame(self, socket: WebSocket) -> tuple[int, bytes] | None:
        """The next frame's number and file; None for session.close, which is answered."""
        while True:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(message["code"])
            if message.get("bytes") is not None:
                magic, number, _ = struct.unpack_from(">4sId", message["bytes"])
                assert magic == b"FER1"
                return number, message["bytes"][16:]
            self.said.append(json.loads(message["text"]))
            if self.said[-1]["type"] == "session.close":
                await socket.send_json({"type": "session.closed", "reason": "", "frames": {}})
                await socket.close(1000)
                return None


async def answering(stream: FalseStream, socket: WebSocket) -> None:
    """A session in which every frame gets a result."""
    await stream.greet(socket)
    while (taken := await stream.frame(socket)) is not None:
        await socket.send_json(stream_result(taken[0]))
