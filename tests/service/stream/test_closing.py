"""How sessions end, and with which close code."""

import asyncio
import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.websockets import WebSocket

from service.settings import Settings
from service.stream import session as service_session
from service.stream.memory import FrameMemory
from tests.service.streams import URL, closed_with, limited, session
from tests.service.troubles import trouble


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{", 1007),
        ("[" * 4000, 1007),
        ('{"type": "session.update", "\\ud800": 1}', 1007),
        (f'{{"type": "session.close"}}{" " * 4096}', 1009),
        ("[]", 1003),
        ("1", 1003),
        ('{"type": "hello"}', 1003),
        ('{"type": ["session.close"]}', 1003),
    ],
)
def test_foreign_text_closes_the_session(client: TestClient, text: str, code: int) -> None:
    with session(client) as (socket, _):
        socket.send_text(text)
        assert socket.receive_json()["type"] == "session.closed"
        assert closed_with(socket) == code


def test_too_large_a_frame_closes_the_session(settings: Settings) -> None:
    with limited(settings, max_frame_bytes=1000) as client, session(client) as (socket, _):
        socket.send_bytes(bytes(1001))
        assert closed_with(socket) == 1009


def test_an_idle_session_is_closed(settings: Settings) -> None:
    with limited(settings, stream_idle_s=0.1) as client, session(client) as (socket, _):
        assert socket.receive_json()["type"] == "session.closed"
        assert closed_with(socket) == 4408


def test_a_long_session_is_closed(settings: Settings) -> None:
    with limited(settings, stream_session_s=0.1) as client, session(client) as (socket, _):
        assert closed_with(socket) == 4409


class Turns:
    """A client of one frame, and a service that stops `turns` turns of the event loop after its answer was sent."""

    url = SimpleNamespace(path=URL)
    state = SimpleNamespace(request_id="id")

    def __init__(self, frame: bytes, stop: asyncio.Event, turns: int) -> None:
        self.code, self._frames, self._stop, self._turns = 0, [frame], stop, turns

    async def receive(self) -> dict[str, Any]:
        if not self._frames:
            await asyncio.Event().wait()
        return {"type": "websocket.receive", "bytes": self._frames.pop()}

    async def send_text(self, text: str) -> None:
        if json.loads(text)["type"] == "result":
            self._stopping = asyncio.create_task(self._after())

    async def _after(self) -> None:
        for _ in range(self._turns):
            await asyncio.sleep(0)
        self._stop.set()

    async def close(self, code: int, _: str) -> None:
        self.code = code


@pytest.mark.parametrize("turns", range(8))
def test_a_session_ends_whenever_its_end_meets_an_answer(client: TestClient, white: bytes, turns: int) -> None:
    async def scenario() -> int:
        state = replace(client.app_state["service"], draining=asyncio.Event())
        socket = Turns(white, state.draining, turns)
        async with asyncio.timeout(10):
            await service_session.Session(cast("WebSocket", socket), state, FrameMemory()).run()
        return socket.code

    assert client.portal is not None
    assert client.portal.call(scenario) == 1001


def test_a_stopping_service_says_so(settings: Settings) -> None:
    with limited(settings) as client:
        _stop(client)


def _stop(client: TestClient) -> None:
    app = client.app
    assert isinstance(app, FastAPI)
    with session(client) as (socket, _):
        assert client.portal is not None
        client.portal.call(app.state.service.draining.set)
        assert socket.receive_json()["reason"] == "shutting down"
        assert closed_with(socket) == 1001
    with client.websocket_connect(URL) as socket:
        assert closed_with(socket) == 1001


def test_full_means_try_again_later(settings: Settings) -> None:
    with limited(settings, max_streams=1) as client:
        with session(client), client.websocket_connect(URL) as second:
            assert closed_with(second) == 1013
        with session(client) as (_, created):
            assert created["type"] == "session.created"


def test_an_error_of_the_service_closes_with_1011(
    settings: Settings, white: bytes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    trouble(monkeypatch, error="secret")
    with limited(settings) as client, session(client) as (socket, _):
        socket.send_bytes(white)
        assert closed_with(socket) == 1011
    assert "secret" in caplog.text
