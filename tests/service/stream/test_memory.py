"""The frames of streams take their memory from the budget for all bodies, from the first byte to the answer."""

from contextlib import ExitStack

import pytest

from service.settings import Settings
from service.stream.memory import FrameMemory
from service.stream.protocol import CloseCode, Closing
from service.workers.budget import Budget
from tests.service.processes import listening
from tests.service.sockets import exchange, post
from tests.service.streams import Gate, closed_with, limited, session
from tests.service.websockets import BINARY, PING, PONG, TEXT, close_code, frame, opened, read_frame

FRAME_BYTES = 100_000


def test_bytes_are_held_while_they_arrive_and_until_they_are_answered() -> None:
    budget, memory = Budget(1000), FrameMemory()
    memory.arrive(50)
    assert budget.held == 0
    with memory.counted_in(budget):
        memory.arrive(400)
        memory.take(300)
        memory.arrive(0)
        assert budget.held == 300
        memory.give_back(300)
        assert budget.held == 0
        memory.take(200)
    assert budget.held == 0


def test_a_frame_that_could_never_be_held_is_too_big() -> None:
    budget, memory = Budget(1000), FrameMemory()
    with budget.reserve("other") as other, memory.counted_in(budget):
        with pytest.raises(Closing) as too_big:
            memory.arrive(801)
        other.hold(800)
        with pytest.raises(Closing) as full:
            memory.arrive(201)
    assert (too_big.value.code, full.value.code) == (CloseCode.MESSAGE_TOO_BIG, CloseCode.TRY_AGAIN_LATER)


def test_a_session_holds_its_frames_until_it_has_answered(
    settings: Settings, white: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch)
    with limited(settings, max_held_bytes=5 * len(white)) as client, session(client) as (socket, _):
        budget = client.app_state["service"].budget
        socket.send_bytes(white)
        assert gate.reached.wait(5)
        assert budget.held == len(white)
        gate.opened.set()
        assert socket.receive_json()["type"] == "result"
        socket.send_json({"type": "session.update"})
        assert socket.receive_json()["type"] == "session.updated"
        assert budget.held == 0


def test_what_cannot_be_held_ends_the_session_with_its_last_message(settings: Settings, white: bytes) -> None:
    with limited(settings, max_held_bytes=len(white)) as client, session(client) as (socket, _):
        socket.send_bytes(white)
        assert socket.receive_json()["type"] == "session.closed"
        assert closed_with(socket) == CloseCode.MESSAGE_TOO_BIG


def test_many_streams_hold_no_more_than_the_budget(settings: Settings, white: bytes) -> None:
    """Each sends a frame but for its last fragment. One that finds no memory is closed, the last fifth stays free."""
    several = {"max_streams": 40, "max_frame_bytes": FRAME_BYTES, "max_held_bytes": 10 * FRAME_BYTES}
    request = post("/v1/predict?crop=whole", body=white + bytes(FRAME_BYTES))
    with listening(settings.model_copy(update=several)) as address, ExitStack() as stack:
        for place in range(12):
            stream = stack.enter_context(opened(address))
            assert read_frame(stream)[0] == TEXT
            # The answer to the ping says that what came before it is counted.
            stream.sendall(frame(BINARY, bytes(FRAME_BYTES - 100), fin=0) + frame(PING))
            if place < 8:
                assert read_frame(stream) == (PONG, b"")
            else:
                assert close_code(stream) == CloseCode.TRY_AGAIN_LATER
        status, _, _ = exchange(address, request)
        assert status == 503
        stack.close()
        for _ in range(100):
            status, _, _ = exchange(address, request)
            if status == 200:
                return
    pytest.fail("the memory of streams that have ended was not given back")


def test_a_stream_without_a_place_is_not_read_on(settings: Settings) -> None:
    """The service sends the end with its close code, and drops what comes: it collects no frame for 10 s."""
    with listening(settings.model_copy(update={"max_streams": 1})) as address, opened(address), opened(address) as late:
        assert close_code(late) == CloseCode.TRY_AGAIN_LATER
        late.settimeout(5)
        assert late.recv(1) == b""
