"""The real service with a network that can be computed in the head, and false ones that say what a test wants."""

import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from service.app import create_app
from service.settings import Settings
from tests.service.conftest import ROOT, brightness_network, encoded

__all__ = ["PHOTO", "ROOT", "Scripted", "Serve", "encoded", "film", "part", "problem", "refused"]

PHOTO = ROOT / "tests" / "data" / "astronaut.jpg"

Serve = Callable[[ASGIApp], str]


@contextmanager
def served(app: ASGIApp) -> Iterator[tuple[str, uvicorn.Server]]:
    """The application behind a real socket, in a thread: its address, and the server to stop."""
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
        yield f"http://127.0.0.1:{port}", server
    finally:
        server.should_exit = True
        thread.join(10)


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    path = tmp_path_factory.mktemp("model") / "brightness.onnx"
    path.write_bytes(brightness_network())
    return Settings(model=path, threads=2)


@pytest.fixture(scope="session")
def url(settings: Settings) -> Iterator[str]:
    """The real service."""
    with served(create_app(settings)) as (url, _):
        yield url


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A film of one second, ten frames, all of them the photo."""
    if shutil.which("ffmpeg") is None:
        pytest.skip("needs ffmpeg")
    path = tmp_path / "film.mp4"
    source = ["-loop", "1", "-i", str(PHOTO), "-t", "1", "-r", "10"]
    encoding = ["-pix_fmt", "yuv420p", "-c:v", "mpeg4", "-q:v", "3"]
    subprocess.run(["ffmpeg", "-nostdin", "-loglevel", "error", *source, *encoding, str(path)], check=True)
    return path


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serves what a test gives it until that test ends."""
    closing = []

    def begin(app: ASGIApp) -> str:
        context = served(app)
        url, _ = context.__enter__()
        closing.append(context)
        return url

    yield begin
    for context in reversed(closing):
        context.__exit__(None, None, None)


@pytest.fixture
def nowhere() -> str:
    """An address at which nobody answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


@pytest.fixture
def white(tmp_path: Path) -> Path:
    path = tmp_path / "white.png"
    path.write_bytes(encoded([[255] * 16] * 16))
    return path


@pytest.fixture
def black(tmp_path: Path) -> Path:
    path = tmp_path / "black.png"
    path.write_bytes(encoded([[0] * 16] * 16))
    return path


class Scripted:
    """A service that gives these answers in turn, the last one for ever, and remembers what it was asked."""

    def __init__(self, *answers: Response):
        self._answers = answers
        self.asked: list[Request] = []
        self.bodies: list[bytes] = []
        self.times: list[float] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            # A client that was told no may leave in the middle of its next photo: nothing to be said in its terminal.
            with suppress(ClientDisconnect):
                await self.reply(Request(scope, receive), send)

    async def reply(self, request: Request, send: Send) -> None:
        answer = self._answers[min(len(self.asked), len(self._answers) - 1)]
        self.asked.append(request)
        self.times.append(time.monotonic())
        self.bodies.append(await request.body())
        await answer(request.scope, request.receive, send)


def refused(status: int, code: str, headers: dict[str, str] | None = None, **more: Any) -> Response:
    return JSONResponse(problem(status, code, **more), status, headers, media_type="application/problem+json")


def problem(status: int, code: str, detail: str = "No.", **more: Any) -> dict[str, Any]:
    return {
        "type": f"urn:fer:problem:{code}",
        "title": "A problem",
        "status": status,
        "detail": detail,
        "instance": "/v1/predict",
        "code": code,
        "request_id": "a1",
        **more,
    }


def part(picture: bytes) -> bytes:
    """A picture as ffmpeg writes it."""
    return b"--ffmpeg\r\nContent-type: image/jpeg\r\nContent-length: %d\r\n\r\n%b\r\n" % (len(picture), picture)


def film(*said: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(line).encode() + b"\n" for line in said)
