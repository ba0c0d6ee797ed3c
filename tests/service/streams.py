"""A client of WS /v1/stream in the test's own process."""

import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from fastapi.testclient import TestClient
from starlette.testclient import WebSocketTestSession
from starlette.websockets import WebSocketDisconnect

from service import images
from service.app import create_app
from service.settings import Settings

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
    """Holds every decode until it is opened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.opened, self.reached = threading.Event(), threading.Event()
        decode = images.decode

        def wait(*args: Any, **named: Any) -> images.Image:
            self.reached.set()
            assert self.opened.wait(10)
            return decode(*args, **named)

        monkeypatch.setattr(images, "decode", wait)
