"""A client of WS /v1/stream in the test's own process."""

import asyncio
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from fastapi.testclient import TestClient
from starlette.testclient import WebSocketTestSession
from starlette.websockets import WebSocketDisconnect

from service.app import create_app
from service.settings import Settings
from service.workers.channel import Header
from service.workers.worker import Worker

URL = "/v1/stream"


@contextmanager
def session(client: TestClient, **named: Any) -> Iterator[tuple[WebSocketTestSession, dict[str, Any]]]:
    """An open session, and its session.created."""
    with client.websocket_connect(URL, subprotocols=["fer.v1"], **named) as socket:
        yield socket, socket.receive_json()


@contextmanager
def limited(settings: Settings, **changes: Any) -> Iterator[TestClient]:
    app = create_app(settings.model_copy(update=changes))
    with TestClient(app) as client:
        yield client


def closed_with(socket: WebSocketTestSession) -> int:
    """Read what is left; the close code."""
    for _ in range(50):
        try:
            socket.receive_json()
        except WebSocketDisconnect as disconnect:
            return disconnect.code
    pytest.fail("the session was not closed")


def numbered(frame_id: int, body: bytes) -> bytes:
    return struct.pack(">4sId", b"FER1", frame_id, 1234.5) + body


class Gate:
    """Holds every task of a worker until it is opened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.opened, self.reached = threading.Event(), threading.Event()
        do = Worker.ask

        async def wait(*args: Any) -> tuple[Header, bytes]:
            self.reached.set()
            async with asyncio.timeout(60):
                while not self.opened.is_set():
                    await asyncio.sleep(0.005)
            return await do(*args)

        monkeypatch.setattr(Worker, "ask", wait)
