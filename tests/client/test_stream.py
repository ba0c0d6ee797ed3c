"""fer.v1 from the client's side: credits, the newest frame, and what it does when a session ends."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.websockets import WebSocket
from websockets.exceptions import ConnectionClosedError
from websockets.frames import Close

from fer_client import AsyncClient, BadAnswer, Client, FrameRefused, ServiceError, StreamResult, Unreachable
from fer_client.close_codes import CLOSE_CODES, CloseCode
from fer_client.requests import Address
from fer_client.stream import StreamProtocol, stream_error
from tests.client.answers import DROPPED, problem, stream_result
from tests.client.conftest import PHOTO
from tests.client.servers import FalseStream, Serve, answering

Answers = list[StreamResult | FrameRefused]
Ask = Callable[..., Answers]


def ask(
    url: str, frames: Iterable[bytes], *, retries: int = 3, answers: Answers | None = None, **options: Any
) -> Answers:
    """All answers; each is in `answers` as soon as it has come, for frames that wait for it."""
    answers = [] if answers is None else answers
    with Client(url, retries=retries) as client:
        for answer in client.stream(frames, **options):
            answers.append(answer)
    return answers


def ask_async(
    url: str, frames: Iterable[bytes], *, retries: int = 3, answers: Answers | None = None, **options: Any
) -> Answers:
    answers = [] if answers is None else answers

    async def source() -> AsyncIterator[bytes]:
        pictures = iter(frames)
        # In a thread, for a source that waits.
        while (frame := await asyncio.to_thread(next, pictures, None)) is not None:
            yield frame

    async def collect() -> Answers:
        async with AsyncClient(url, retries=retries) as client:
            async for answer in client.stream(source(), **options):
                answers.append(answer)
        return answers

    return asyncio.run(collect())


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture(params=[ask, ask_async], ids=["sync", "async"])
def watch(request: pytest.FixtureRequest) -> Ask:
    asking: Ask = request.param
    return asking


# --- the real service --------------------------------------------------------------------------


def test_each_frame_is_answered(watch: Ask, url: str, white: Path) -> None:
    answers: Answers = []

    def frames() -> Iterator[bytes]:
        yield PHOTO.read_bytes()
        # Sent while the first is analysed: two credits.
        yield b"no picture"
        wait_for(lambda: bool(answers))
        yield PHOTO.read_bytes()

    watch(url, frames(), answers=answers, explain="gradcam", max_faces=1)
    results = [said for said in answers if isinstance(said, StreamResult)]
    assert results
    assert results[-1].faces[0].explanations
    assert results[-1].frame == PHOTO.read_bytes()
    assert all(said.error.code == "unsupported_media_type" for said in answers if isinstance(said, FrameRefused))


def test_a_refused_frame_is_told_and_the_stream_goes_on(watch: Ask, url: str) -> None:
    answers: Answers = []

    def frames() -> Iterator[bytes]:
        yield b"no picture"
        wait_for(lambda: bool(answers))
        yield PHOTO.read_bytes()

    refused, found = watch(url, frames(), answers=answers)
    assert isinstance(refused, FrameRefused)
    assert (refused.frame_id, refused.error.code) == (1, "unsupported_media_type")
    assert isinstance(found, StreamResult)
    assert len(found.faces) == 1


def test_a_bad_option_ends_it(watch: Ask, url: str) -> None:
    def frames() -> Iterator[bytes]:
        while True:
            yield b"picture"
            time.sleep(0.05)

    with pytest.raises(ServiceError) as caught:
        watch(url, frames(), max_faces=51)
    assert caught.value.code == "invalid_option"


def test_no_frames_no_answers(watch: Ask, url: str) -> None:
    assert watch(url, []) == []


def test_what_the_source_raises_is_raised(watch: Ask, url: str) -> None:
    def frames() -> Iterator[bytes]:
        yield PHOTO.read_bytes()
        raise RuntimeError("the camera fell down")

    with pytest.raises(RuntimeError, match="fell down"):
        watch(url, frames())


# --- credits -----------------------------------------------------------------------------------


def test_a_frame_waits_for_a_credit_and_the_newest_wins() -> None:
    protocol = StreamProtocol()
    protocol.offer(b"0")
    assert protocol.next_message() is None
    protocol.start_session(2)
    sent = [protocol.next_message()]
    for frame in (b"1", b"2", b"3", b"4"):
        protocol.offer(frame)
        sent.append(protocol.next_message())
    assert [message and message[16:] for message in sent] == [b"0", b"1", None, None, None]
    result = protocol.receive(json.dumps(stream_result(1)))
    assert isinstance(result, StreamResult)
    assert result.frame == b"0"
    newest = protocol.next_message()
    assert newest is not None
    assert newest[:8] == b"FER1\x00\x00\x00\x03"
    assert newest[16:] == b"4"
    assert protocol.next_message() is None


def test_credits_come_back_once() -> None:
    protocol = StreamProtocol()
    protocol.start_session(1)
    protocol.offer(b"0")
    protocol.next_message()
    for frame_id in (1, 1, 99):
        protocol.receive(json.dumps({**DROPPED, "frame_id": frame_id}))
    protocol.offer(b"1")
    assert protocol.next_message() is not None
    protocol.offer(b"2")
    assert protocol.next_message() is None


def test_it_is_done_when_all_is_answered() -> None:
    protocol = StreamProtocol()
    protocol.start_session(1)
    protocol.offer(b"0")
    protocol.end()
    assert not protocol.done
    protocol.next_message()
    assert not protocol.done
    protocol.receive(json.dumps(DROPPED))
    assert protocol.done
    assert protocol.next_message() == '{"type": "session.close"}'
    assert protocol.next_message() is None


def test_it_never_sends_without_a_credit(watch: Ask, serve: Serve) -> None:
    most = 0

    async def slow(stream: FalseStream, socket: WebSocket) -> None:
        nonlocal most
        await stream.greet(socket, credits=2)
        waiting: list[int] = []
        while True:
            try:
                taken = await asyncio.wait_for(stream.frame(socket), 0.1)
            except TimeoutError:
                if waiting:
                    await socket.send_json(stream_result(waiting.pop(0)))
                continue
            if taken is None:
                return
            waiting.append(taken[0])
            most = max(most, len(waiting))

    def frames() -> Iterator[bytes]:
        for number in range(40):
            yield str(number).encode()
            time.sleep(0.01)

    answers = watch(serve(FalseStream(slow)), frames())
    assert most == 2
    last = answers[-1]
    assert isinstance(last, StreamResult)
    assert last.frame == b"39"
    assert len(answers) < 40


# --- how sessions begin and end ----------------------------------------------------------------


def test_the_options_are_told(watch: Ask, serve: Serve) -> None:
    stream = FalseStream(answering)
    watch(serve(stream), [b"0"], explain="gradcam", max_faces=None)
    assert stream.headers[0]["sec-websocket-protocol"] == "fer.v1"
    assert stream.said[0] == {"type": "session.update", "explain": "gradcam"}
    assert stream.said[-1] == {"type": "session.close"}


def test_a_session_that_ends_is_followed_by_a_new_one(watch: Ask, serve: Serve) -> None:
    async def ending_once(stream: FalseStream, socket: WebSocket) -> None:
        if stream.opened > 1:
            await answering(stream, socket)
            return
        await stream.greet(socket)
        await stream.frame(socket)
        await socket.close(4409, "later")

    def frames() -> Iterator[bytes]:
        yield b"0"
        wait_for(lambda: stream.opened == 2)
        yield b"1"

    stream = FalseStream(ending_once)
    (only,) = watch(serve(stream), frames())
    assert isinstance(only, StreamResult)
    assert only.frame == b"1"
    assert stream.opened == 2


def test_a_service_that_stays_full_is_given_up(watch: Ask, serve: Serve) -> None:
    async def full(stream: FalseStream, socket: WebSocket) -> None:
        await socket.accept()
        await socket.close(1013, "all streams are taken")

    stream = FalseStream(full)
    with pytest.raises(ServiceError, match="all streams are taken") as caught:
        watch(serve(stream), [b"0"], retries=1)
    assert (caught.value.code, caught.value.status) == ("overloaded", 503)
    assert stream.opened == 2


def test_a_session_that_ends_for_good_is_not(watch: Ask, serve: Serve) -> None:
    async def refusing(stream: FalseStream, socket: WebSocket) -> None:
        await stream.greet(socket)
        await socket.close(4429, "no")

    stream = FalseStream(refusing)
    with pytest.raises(ServiceError, match=r"^The client sent too many messages\. The service said: no\."):
        watch(serve(stream), [b"0"])
    assert stream.opened == 1


@pytest.mark.parametrize(("code", "known"), CLOSE_CODES.items())
@pytest.mark.parametrize("reason", ["", "later"])
def test_each_close_code_is_a_sentence(code: int, known: CloseCode, reason: str) -> None:
    error = stream_error(ConnectionClosedError(Close(code, reason), None), Address("http://host"))
    assert isinstance(error, ServiceError)
    assert (error.code, error.status, error.retryable) == (known.code, known.status, known.retryable)
    assert re.fullmatch(r"[A-Z][^.]*\." + (r" The service said: later\." if reason else ""), error.detail)


def test_an_unknown_close_code_is_named(watch: Ask, serve: Serve) -> None:
    async def closing(stream: FalseStream, socket: WebSocket) -> None:
        await stream.greet(socket)
        await socket.close(4999, "no")

    with pytest.raises(BadAnswer, match=r"closed the stream with code 4999, which this client does not know: no"):
        watch(serve(FalseStream(closing)), [b"0"])


def test_a_denied_handshake_is_the_services_problem(watch: Ask, serve: Serve) -> None:
    async def denying(_: FalseStream, socket: WebSocket) -> None:
        await socket.send_denial_response(JSONResponse(problem(401, "unauthorized", "Not for you."), 401))

    stream = FalseStream(denying)
    with pytest.raises(ServiceError, match="Not for you") as caught:
        watch(serve(stream), [b"0"])
    assert caught.value.status == 401
    assert stream.opened == 1


def test_a_busy_handshake_is_tried_again(watch: Ask, serve: Serve) -> None:
    async def busy_once(stream: FalseStream, socket: WebSocket) -> None:
        if stream.opened > 1:
            await answering(stream, socket)
            return
        headers = {"Retry-After": "1"}
        await socket.send_denial_response(JSONResponse(problem(503, "overloaded"), 503, headers))

    began = time.monotonic()
    assert len(watch(serve(FalseStream(busy_once)), [b"0"])) == 1
    assert time.monotonic() - began >= 1


def test_something_else_answers(watch: Ask, serve: Serve) -> None:
    async def page(_: FalseStream, socket: WebSocket) -> None:
        await socket.send_denial_response(PlainTextResponse("a page", 404))

    with pytest.raises(BadAnswer, match="answered 404 to the handshake of a stream"):
        watch(serve(FalseStream(page)), [b"0"])


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("hello", "is not JSON"),
        ("[]", "is not a JSON object"),
        ('{"type": "hello"}', "did not begin with session.created"),
        ('{"type": "session.created"}', "SessionCreated: Object missing required field `credits`"),
    ],
)
def test_a_greeting_that_is_none(watch: Ask, serve: Serve, message: str, words: str) -> None:
    async def other(_: FalseStream, socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text(message)
        await socket.receive()

    with pytest.raises(BadAnswer, match=words):
        watch(serve(FalseStream(other)), [b"0"])


def test_nobody_answers(watch: Ask, nowhere: str) -> None:
    with pytest.raises(Unreachable, match=f"nobody answers at {nowhere}"):
        watch(nowhere, [b"0"], retries=0)


def test_messages_of_a_newer_service_are_passed_over(watch: Ask, serve: Serve) -> None:
    async def newer(stream: FalseStream, socket: WebSocket) -> None:
        await stream.greet(socket)
        await socket.send_json({"type": "weather", "sunny": True})
        while (taken := await stream.frame(socket)) is not None:
            await socket.send_json(stream_result(taken[0], mood="new"))

    (only,) = watch(serve(FalseStream(newer)), [b"0"])
    assert isinstance(only, StreamResult)
    assert only.raw["mood"] == "new"


def test_who_leaves_early_stops_the_source(serve: Serve) -> None:
    taken = 0

    def frames() -> Iterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield b"0"
            time.sleep(0.01)

    stream = FalseStream(answering)
    with Client(serve(stream)) as client, closing(client.stream(frames())) as answers:
        next(answers)
    time.sleep(0.2)
    before = taken
    time.sleep(0.2)
    assert taken == before
