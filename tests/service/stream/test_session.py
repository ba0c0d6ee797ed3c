"""WS /v1/stream: every frame one answer, credits, the newest frame wins, and how sessions end."""

import asyncio
import json
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import cv2
import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.testclient import WebSocketDenialResponse, WebSocketTestSession
from starlette.websockets import WebSocket, WebSocketDisconnect

from service import images
from service.app import create_app
from service.settings import Settings
from service.stream import session as service_session
from tests.service.conftest import LABELS, encoded

URL = "/v1/stream"


@contextmanager
def session(client: TestClient, **named: Any) -> Iterator[tuple[WebSocketTestSession, dict[str, Any]]]:
    """A session that has been greeted, and the greeting."""
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


# --- the normal way ----------------------------------------------------------------------------


def test_the_greeting(client: TestClient, settings: Settings) -> None:
    with session(client) as (socket, greeting):
        assert socket.accepted_subprotocol == "fer.v1"
        assert greeting["type"] == "session.created"
        assert greeting["labels"] == list(LABELS)
        assert greeting["credits"] == settings.stream_credits
        assert greeting["limits"] == client.get("/v1/limits").json()
        assert greeting["model"]["crop_margin"] == 0
        assert greeting["configuration"]["explain"] == "none"


def test_frames_are_answered_like_images(client: TestClient, photo: bytes) -> None:
    with session(client) as (socket, _):
        socket.send_bytes(photo)
        first = socket.receive_json()
        socket.send_bytes(numbered(77, photo))
        second = socket.receive_json()
    (face,) = client.post("/v1/predict", content=photo).json()["faces"]
    assert (first["type"], first["frame_id"]) == ("result", 1)
    assert (second["type"], second["frame_id"]) == ("result", 77)
    assert first["faces"] == second["faces"] == [{**face, "track_id": 1}]
    assert face["track_id"] is None
    assert first["age_ms"] >= first["timing_ms"]["total"] - 1


def test_a_session_is_configured_at_any_time(client: TestClient, photo: bytes) -> None:
    with session(client) as (socket, _):
        socket.send_json({"type": "session.update", "explain": "gradcam", "max_faces": 3})
        updated = socket.receive_json()
        assert updated["type"] == "session.updated"
        assert updated["configuration"]["explain"] == "gradcam"
        socket.send_json({"type": "session.update", "explain_every": 2})
        assert socket.receive_json()["configuration"] == {
            **updated["configuration"],
            "explain_every": 2,
        }
        explained = []
        for _ in range(4):
            socket.send_bytes(photo)
            explained.append(len(socket.receive_json()["faces"][0]["explanations"]))
        assert explained == [1, 0, 1, 0]


def test_the_heatmap_of_any_label(client: TestClient, photo: bytes) -> None:
    with session(client) as (socket, _):
        for target, explained in {"top": ["bright"], "dark": ["dark"], "all": list(LABELS)}.items():
            socket.send_json({"type": "session.update", "explain": "gradcam", "target": target})
            assert socket.receive_json()["configuration"]["target"] == target
            socket.send_bytes(photo)
            [face] = socket.receive_json()["faces"]
            assert [one["target"] for one in face["explanations"]] == explained


@pytest.mark.parametrize(
    "change",
    [
        {"explain": "lime"},
        {"max_faces": 0},
        {"max_faces": 51},
        {"explian": "none"},
        {"max_age_ms": -1},
        {"max_age_ms": float("inf")},
        {"smoothing": -0.1},
        {"smoothing": 1.1},
        {"smoothing": float("nan")},
        {"smoothing": True},
        {"target": "bored"},
    ],
)
def test_a_bad_option_is_an_error_and_the_session_goes_on(
    client: TestClient, white: bytes, change: dict[str, Any]
) -> None:
    with session(client) as (socket, _):
        socket.send_json({"type": "session.update", **change})
        answer = socket.receive_json()
        assert (answer["type"], answer["code"], answer["status"]) == ("error", "invalid_option", 422)
        assert answer["frame_id"] is None
        assert next(iter(change)) in answer["detail"]
        socket.send_bytes(white)
        assert socket.receive_json()["type"] == "result"


def test_fewer_faces_than_the_default_may_be_all_that_is_allowed(settings: Settings) -> None:
    with limited(settings, max_faces=3) as client, session(client) as (socket, greeting):
        assert greeting["configuration"]["max_faces"] == 3
        socket.send_json({"type": "session.update", "explain": "gradcam"})
        assert socket.receive_json()["type"] == "session.updated"


def test_smoothing_averages_over_time_and_is_one_sessions_own(client: TestClient, photo: bytes) -> None:
    pixels = cv2.imdecode(np.frombuffer(photo, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert pixels is not None
    bright, dark = encoded(pixels), encoded(pixels // 3)
    with session(client) as (socket, _), session(client) as (other, _):
        socket.send_json({"type": "session.update", "smoothing": 1})
        assert socket.receive_json()["configuration"]["smoothing"] == 1
        alone: list[dict[str, Any]] = []
        smoothed: list[dict[str, Any]] = []
        for image in (bright, dark, dark):
            for each, faces in ((other, alone), (socket, smoothed)):
                each.send_bytes(image)
                faces.append(each.receive_json()["faces"][0])
    assert {face["track_id"] for face in alone + smoothed} == {1}
    shares = [face["emotions"]["dark"] for face in alone]
    assert shares[1] > shares[0] + 0.1
    for count, face in enumerate(smoothed, 1):
        assert face["emotions"]["dark"] == pytest.approx(sum(shares[:count]) / count)
        assert sum(face["emotions"].values()) == pytest.approx(1)
        assert face["emotion"] == max(face["emotions"], key=face["emotions"].__getitem__)


def test_one_person_of_a_clip_is_one_track(client: TestClient, media: Path) -> None:
    video = cv2.VideoCapture(str(media / "videos" / "neutral_to_smile.mp4"))
    tracks = []
    with session(client) as (socket, _):
        for number in range(72):
            _, image = video.read()
            if number % 6 == 0:
                socket.send_bytes(encoded(image, ".jpg"))
                tracks += [face["track_id"] for face in socket.receive_json()["faces"]]
    assert tracks == [1] * 12


@pytest.mark.parametrize(("every", "heatmaps"), [(1, [1, 1, 1, 1, 1]), (2, [1, 0, 1, 0, 1]), (3, [1, 0, 0, 1, 0])])
def test_each_nth_frame_is_explained(client: TestClient, photo: bytes, every: int, heatmaps: list[int]) -> None:
    with session(client) as (socket, _):
        socket.send_json({"type": "session.update", "explain": "gradcam", "explain_every": every})
        assert socket.receive_json()["type"] == "session.updated"
        counts = []
        for _ in heatmaps:
            socket.send_bytes(photo)
            counts.append(len(socket.receive_json()["faces"][0]["explanations"]))
    assert counts == heatmaps


def test_a_bad_frame_is_an_error_and_the_session_goes_on(client: TestClient, white: bytes) -> None:
    with session(client) as (socket, _):
        for body, code in (
            (b"", "unsupported_media_type"),
            (b"GIF89a", "unsupported_media_type"),
            (white[:60], "undecodable_image"),
        ):
            socket.send_bytes(numbered(5, body))
            answer = socket.receive_json()
            assert (answer["type"], answer["code"], answer["frame_id"]) == ("error", code, 5)
        socket.send_bytes(white)
        assert socket.receive_json()["type"] == "result"


def test_goodbye_counts_and_answers_first(client: TestClient, white: bytes) -> None:
    with session(client) as (socket, _):
        socket.send_bytes(white)
        socket.send_json({"type": "session.close"})
        assert socket.receive_json()["type"] == "result"
        closed = socket.receive_json()
        assert closed["type"] == "session.closed"
        assert closed["frames"] == {"received": 1, "processed": 1, "dropped": 0, "errors": 0}
        assert closed_with(socket) == 1000


# --- backpressure ------------------------------------------------------------------------------


def test_the_newest_frame_wins(client: TestClient, white: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(monkeypatch)
    with session(client) as (socket, _):
        socket.send_bytes(numbered(1, white))
        assert gate.reached.wait(5)
        for frame_id in (2, 3, 4):
            socket.send_bytes(numbered(frame_id, white))
        dropped = [socket.receive_json() for _ in range(2)]
        gate.opened.set()
        results = [socket.receive_json() for _ in range(2)]
    assert [(each["type"], each["frame_id"], each["reason"]) for each in dropped] == [
        ("dropped", 2, "superseded"),
        ("dropped", 3, "superseded"),
    ]
    assert [(each["type"], each["frame_id"]) for each in results] == [("result", 1), ("result", 4)]


def test_a_stale_frame_is_dropped(client: TestClient, white: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(monkeypatch)
    with session(client) as (socket, _):
        socket.send_json({"type": "session.update", "max_age_ms": 40})
        socket.receive_json()
        socket.send_bytes(numbered(1, white))
        assert gate.reached.wait(5)
        socket.send_bytes(numbered(2, white))
        time.sleep(0.1)
        gate.opened.set()
        assert socket.receive_json()["frame_id"] == 1
        stale = socket.receive_json()
    assert (stale["type"], stale["frame_id"], stale["reason"]) == ("dropped", 2, "stale")


def test_every_frame_gets_exactly_one_answer(client: TestClient, white: bytes) -> None:
    with session(client) as (socket, _):
        for frame_id in range(100):
            socket.send_bytes(numbered(frame_id, white if frame_id % 3 else b"junk"))
        answered = [socket.receive_json()["frame_id"] for _ in range(100)]
        assert sorted(answered) == list(range(100))
        socket.send_json({"type": "session.close"})
        counts = socket.receive_json()["frames"]
        assert counts["received"] == 100
        assert counts["processed"] + counts["dropped"] + counts["errors"] == 100


# --- how sessions end --------------------------------------------------------------------------


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


def test_a_client_that_goes_on_ignoring_credits_is_sent_away(
    settings: Settings, white: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch)
    with limited(settings, stream_abuse=5) as client, session(client) as (socket, greeting):
        socket.send_bytes(white)
        assert gate.reached.wait(5)
        for _ in range(greeting["credits"] - 1 + 5):
            socket.send_bytes(white)
        answers = [socket.receive_json() for _ in range(5)]
        assert {answer["type"] for answer in answers} == {"dropped"}
        socket.send_bytes(white)
        closed = socket.receive_json()
        assert closed["type"] == "session.closed"
        assert closed["frames"]["received"] == greeting["credits"] + 6
        assert closed_with(socket) == 4429
        gate.opened.set()


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        ({"bytes": b"junk"}, "error"),
        ({"text": '{"type": "session.update", "explain": "lime"}'}, "error"),
        ({"text": '{"type": "session.update"}'}, "session.updated"),
    ],
)
def test_a_client_that_goes_on_with_errors_or_chatter_is_sent_away(
    settings: Settings, message: dict[str, Any], answer: str
) -> None:
    with limited(settings, stream_abuse=5) as client, session(client) as (socket, _):
        for _ in range(5):
            socket.send({"type": "websocket.receive", **message})
            assert socket.receive_json()["type"] == answer
        socket.send({"type": "websocket.receive", **message})
        assert closed_with(socket) == 4429


def test_abuse_is_forgotten_and_good_frames_are_none(
    settings: Settings, white: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_session, "ABUSE_S", 0.0)
    with limited(settings, stream_abuse=1) as client, session(client) as (socket, _):
        for _ in range(3):
            socket.send_bytes(b"junk")
            assert socket.receive_json()["type"] == "error"
    monkeypatch.setattr(service_session, "ABUSE_S", 1000.0)
    with limited(settings, stream_abuse=1) as client, session(client) as (socket, _):
        for _ in range(5):
            socket.send_bytes(white)
            assert socket.receive_json()["type"] == "result"


def test_a_busy_service_is_no_fault_of_the_client(
    settings: Settings, white: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch)
    with (
        limited(settings, stream_abuse=1, threads=1, queue=0) as client,
        session(client) as (first, _),
        session(client) as (second, _),
    ):
        first.send_bytes(white)
        assert gate.reached.wait(5)
        for _ in range(3):
            second.send_bytes(white)
            assert second.receive_json()["code"] == "overloaded"
        gate.opened.set()
        assert first.receive_json()["type"] == "result"


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
            await service_session.Session(cast("WebSocket", socket), state).run()
        return socket.code

    assert asyncio.run(scenario()) == 1001


def test_a_stopping_service_says_so(client: TestClient) -> None:
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
        with session(client) as (_, greeting):
            assert greeting["type"] == "session.created"


def test_an_error_of_ours_closes_with_1011(
    client: TestClient, white: bytes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(images, "decode", fail)
    with session(client) as (socket, _):
        socket.send_bytes(white)
        assert closed_with(socket) == 1011
    assert "secret" in caplog.text


# --- who may come in ---------------------------------------------------------------------------


@pytest.mark.parametrize("origin", ["http://testserver", "https://testserver", "https://app.example"])
def test_own_and_allowed_origins(settings: Settings, origin: str) -> None:
    with (
        limited(settings, allowed_origins=("https://app.example",)) as client,
        session(client, headers={"origin": origin}) as (_, greeting),
    ):
        assert greeting["type"] == "session.created"


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://testserver.evil.example", "http://["])
def test_foreign_origins_are_refused_before_accept(client: TestClient, origin: str) -> None:
    with pytest.raises(WebSocketDenialResponse) as caught, session(client, headers={"origin": origin}):
        pass
    assert caught.value.status_code == 403
    assert json.loads(caught.value.content)["code"] == "forbidden_origin"


def test_subprotocols(client: TestClient) -> None:
    with client.websocket_connect(URL) as socket:
        assert socket.accepted_subprotocol is None
        assert socket.receive_json()["type"] == "session.created"
    with client.websocket_connect(URL, subprotocols=["mqtt"]) as socket:
        assert closed_with(socket) == 1002
