"""Credits: the newest frame wins, and a client that keeps ignoring them is closed."""

import signal
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from service.settings import Settings
from service.stream import abuse
from service.workers.channel import Header
from service.workers.worker import Worker
from tests.service.processes import serving
from tests.service.streams import Gate, closed_with, limited, numbered, session


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


def test_the_newest_frame_is_chosen_when_a_worker_is_free(
    settings: Settings, white: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch)
    with (
        limited(settings, workers=1) as client,
        session(client) as (first, _),
        session(client) as (second, _),
    ):
        first.send_bytes(white)
        assert gate.reached.wait(5)
        second.send_bytes(numbered(1, white))
        time.sleep(0.2)
        second.send_bytes(numbered(2, white))
        time.sleep(0.1)
        gate.opened.set()
        dropped, result = second.receive_json(), second.receive_json()
        assert first.receive_json()["type"] == "result"
    # Its credit comes back with the result of the frame that replaced it, not before.
    assert (dropped["type"], dropped["frame_id"], dropped["reason"]) == ("dropped", 1, "superseded")
    assert (result["type"], result["frame_id"]) == ("result", 2)
    assert result["timing_ms"]["queue"] <= result["timing_ms"]["total"] <= result["age_ms"] + 1


def test_a_worker_is_told_whether_other_frames_wait(
    settings: Settings, white: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch)
    ask, told = Worker.ask, []

    async def note(worker: Worker, task: Header, body: bytes, until: float) -> tuple[Header, bytes]:
        told.append(task["busy"])
        return await ask(worker, task, body, until)

    monkeypatch.setattr(Worker, "ask", note)
    with limited(settings, workers=1) as client, ExitStack() as stack:
        sockets = [stack.enter_context(session(client))[0] for _ in range(3)]
        sockets[0].send_bytes(white)
        assert gate.reached.wait(5)
        state: Any = client.app.state  # type: ignore[attr-defined]
        latest = time.monotonic() + 30
        for waiting, socket in enumerate(sockets[1:], 1):
            socket.send_bytes(white)
            while state.service.pool.waiting < waiting:
                assert time.monotonic() < latest
                time.sleep(0.005)
        gate.opened.set()
        assert [socket.receive_json()["type"] for socket in sockets] == ["result"] * 3
    assert told == [False, True, False]


def test_frames_without_a_credit_are_abuse_also_while_no_worker_is_free(
    settings: Settings, white: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch)
    with (
        limited(settings, workers=1, stream_abuse=5) as client,
        session(client) as (first, _),
        session(client) as (second, created),
    ):
        first.send_bytes(white)
        assert gate.reached.wait(5)
        for _ in range(created["credits"] + 6):
            second.send_bytes(white)
        assert closed_with(second) == 4429
        gate.opened.set()
        assert first.receive_json()["type"] == "result"


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


def test_a_client_that_goes_on_ignoring_credits_is_closed(
    settings: Settings, white: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch)
    with limited(settings, stream_abuse=5) as client, session(client) as (socket, created):
        socket.send_bytes(white)
        assert gate.reached.wait(5)
        for _ in range(created["credits"] - 1 + 5):
            socket.send_bytes(white)
        answers = [socket.receive_json() for _ in range(5)]
        assert {answer["type"] for answer in answers} == {"dropped"}
        socket.send_bytes(white)
        closed = socket.receive_json()
        assert closed["type"] == "session.closed"
        assert closed["frames"]["received"] == created["credits"] + 6
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
def test_a_client_that_goes_on_with_errors_or_text_is_closed(
    settings: Settings, message: dict[str, Any], answer: str
) -> None:
    with limited(settings, stream_abuse=5) as client, session(client) as (socket, _):
        for _ in range(5):
            socket.send({"type": "websocket.receive", **message})
            assert socket.receive_json()["type"] == answer
        socket.send({"type": "websocket.receive", **message})
        assert closed_with(socket) == 4429


def test_a_burst_that_waited_in_the_socket_counts_as_abuse(model_path: Path) -> None:
    limits = {"FER_STREAM_ABUSE": "40", "FER_STREAM_IDLE_S": "5"}
    with serving(model_path, **limits) as (process, address), connect(f"ws://{address}/v1/stream") as stream:
        stream.recv()
        # As on a machine where the service gets no time to run.
        process.send_signal(signal.SIGSTOP)
        for _ in range(85):
            stream.send(b"junk")
        # Until all of it lies in the socket.
        time.sleep(0.5)
        process.send_signal(signal.SIGCONT)
        with pytest.raises(ConnectionClosed) as closed:
            list(stream)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4429


def test_abuse_is_forgotten_and_good_frames_are_none(
    settings: Settings, white: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(abuse, "ABUSE_S", 0.0)
    with limited(settings, stream_abuse=1) as client, session(client) as (socket, _):
        for _ in range(3):
            socket.send_bytes(b"junk")
            assert socket.receive_json()["type"] == "error"
    monkeypatch.setattr(abuse, "ABUSE_S", 1000.0)
    with limited(settings, stream_abuse=1) as client, session(client) as (socket, _):
        for _ in range(5):
            socket.send_bytes(white)
            assert socket.receive_json()["type"] == "result"


def test_a_busy_service_is_no_fault_of_the_client(
    settings: Settings, white: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch)
    with (
        limited(settings, stream_abuse=1, workers=1, queue=0) as client,
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
