"""Batches through real sockets: lines while the form arrives, constant memory, and clients that misbehave."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
from fastapi import FastAPI
from starlette.types import Message

import service.batch.batch
from service.app import create_app
from service.settings import Settings
from tests.client.servers import served
from tests.service.batches import BOUNDARY, END, URL, Caller, calling, is_idle, part
from tests.service.conftest import encoded
from tests.service.processes import serving
from tests.service.troubles import trouble


@pytest.fixture(scope="module")
def app(settings: Settings) -> FastAPI:
    return create_app(settings)


@pytest.fixture(scope="module")
def url(app: FastAPI) -> Iterator[str]:
    with served(app) as url:
        yield url


@contextmanager
def changed(settings: Settings, **changes: Any) -> Iterator[tuple[FastAPI, str]]:
    app = create_app(settings.model_copy(update=changes))
    with served(app) as url:
        yield app, url


def until(holds: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def start(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def codes(lines: list[dict[str, Any]]) -> list[str | None]:
    assert [line["index"] for line in lines] == list(range(len(lines)))
    return [line.get("error", {}).get("code") for line in lines]


@pytest.fixture(scope="module")
def noise() -> bytes:
    """A photo whose heatmaps are large."""
    return encoded(np.random.default_rng(0).integers(0, 256, (400, 400)))


HEATMAPS = "crop=whole&explain=gradcam&heatmap=overlay&target=all"


def test_each_line_comes_while_the_rest_arrives(url: str, white: bytes) -> None:
    with calling(url) as caller:
        caller.send(part(white) + part(white)[:-9])
        assert "200 OK" in caller.head()
        lines = caller.lines()
        assert next(lines)["index"] == 0
        for index in range(1, 4):
            caller.send(part(white)[-9:] + part(white)[:-9])
            assert next(lines)["index"] == index
        caller.send(part(white)[-9:])
        caller.end()
        assert codes([{"index": 0}, *({**line, "index": line["index"] - 3} for line in lines)]) == [None, None]


def test_a_file_over_the_limit_is_skipped_while_the_form_arrives(settings: Settings, white: bytes) -> None:
    with changed(settings, max_body_bytes=2**20) as (_, url), calling(url) as caller:
        caller.send(part(white))
        for piece in (part(b"")[:-2], *[bytes(2**20)] * 32, b"\r\n"):
            caller.send(piece)
        caller.send(part(white))
        caller.end()
        caller.head()
        assert codes(list(caller.lines())) == [None, "body_too_large", None]


def test_no_more_is_read_than_the_workers_can_do(
    settings: Settings, white: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    trouble(monkeypatch, seconds=1.0)
    sent = 0

    def send(caller: Caller) -> None:
        nonlocal sent
        for _ in range(64):
            try:
                caller.send(part(white + bytes(2**20)))
            except OSError:
                return
            sent += 1

    with changed(settings) as (app, url), calling(url) as caller:
        sender = start(lambda: send(caller))
        until(lambda: app.state.service.batch_room.free == 0)
        time.sleep(0.5)
        # Three are with the workers or wait for one, another waits for its turn; the rest is in the sockets' buffers.
        assert sent < 24
        caller.connection.shutdown(socket.SHUT_RDWR)
        sender.join()


def test_a_client_that_reads_nothing_before_it_has_sent_all(url: str, white: bytes) -> None:
    with calling(url, HEATMAPS) as caller:
        for _ in range(400):
            caller.send(part(white))
        caller.end()
        caller.head()
        assert codes(list(caller.lines())) == [None] * 400


def test_large_answers_wait_for_a_client_that_sends_first(url: str, noise: bytes) -> None:
    """More than the sockets hold, less than a batch may keep."""
    with calling(url, HEATMAPS) as caller:
        caller.connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**16)
        for _ in range(50):
            caller.send(part(noise))
        time.sleep(1)
        caller.end()
        caller.head()
        lines = list(caller.lines())
        assert codes(lines) == [None] * 50
        assert 4 * 2**20 < len(str(lines)) < service.batch.batch.MOST_BYTES


def test_a_client_that_sends_for_long_before_it_reads_is_waited_for(model_path: Path, noise: bytes) -> None:
    """Longer than the service waits for one that does not read, with more answers than the sockets hold."""
    with (
        serving(model_path, FER_WORKERS="2", FER_STREAM_SEND_S="4") as (_, address),
        calling(f"http://{address}", HEATMAPS) as caller,
    ):
        caller.connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**16)
        for number in range(50):
            caller.send(part(noise))
            time.sleep(0.1 if number > 40 else 0)
        time.sleep(5)
        caller.end()
        caller.head()
        assert codes(list(caller.lines())) == [None] * 50


def test_a_client_that_never_reads_is_disconnected(
    settings: Settings, noise: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once its entries fill the memory that a batch has for them, and not before."""
    monkeypatch.setattr(service.batch.batch, "MOST_BYTES", 2**20)
    with changed(settings, stream_send_s=0.5) as (app, url), calling(url, HEATMAPS) as caller:

        def send() -> int:
            for sent in range(1000):
                try:
                    caller.send(part(noise))
                except OSError:
                    return sent
            return 1000

        sent: list[int] = []
        sender = start(lambda: sent.append(send()))
        until(lambda: app.state.service.batches.taken == 1)
        until(lambda: is_idle(app), 60)
        caller.connection.shutdown(socket.SHUT_RDWR)
        sender.join()
        assert sent[0] < 200


def test_no_file_is_read_for_a_client_that_reads_nothing(
    settings: Settings, white: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service is asked in its own event loop, so that no socket holds anything."""
    monkeypatch.setattr(service.batch.batch, "MOST_BYTES", 1)
    asked = 0

    async def receive() -> Message:
        nonlocal asked
        asked += 1
        return {"type": "http.request", "body": part(white), "more_body": True}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            await asyncio.Event().wait()

    async def whole() -> None:
        app = create_app(settings)
        async with app.router.lifespan_context(app):
            content_type = f"multipart/form-data; boundary={BOUNDARY}".encode()
            headers = [(b"host", b"localhost"), (b"content-type", content_type), (b"accept", b"application/x-ndjson")]
            scope = {
                **{"type": "http", "http_version": "1.1", "method": "POST", "scheme": "http", "root_path": ""},
                **{"path": URL, "raw_path": URL.encode(), "query_string": b"crop=whole", "headers": headers},
                "state": {"service": app.state.service},
            }
            answering = asyncio.create_task(app(scope, receive, send))
            await asyncio.sleep(1)
            before = asked
            await asyncio.sleep(1)
            assert 1 < before == asked < 12
            answering.cancel()
            await asyncio.gather(answering, return_exceptions=True)
            assert app.state.service.batches.taken == 0

    asyncio.run(whole())


def test_a_client_that_reads_slowly_gets_everything(
    settings: Settings, noise: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service.batch.batch, "MOST_BYTES", 2**20)
    with changed(settings, stream_send_s=5.0) as (_, url), calling(url, HEATMAPS) as caller:

        def send() -> None:
            for _ in range(30):
                caller.send(part(noise))
            caller.end()

        sender = start(send)
        caller.head()
        lines = []
        for line in caller.lines():
            lines.append(line)
            time.sleep(0.02)
        sender.join()
        assert codes(lines) == [None] * 30


@pytest.mark.parametrize("reads", [True, False])
def test_a_client_that_leaves_in_the_middle_holds_nothing(app: FastAPI, url: str, white: bytes, reads: bool) -> None:
    with calling(url) as caller:
        caller.send(part(white) * 2 + part(white)[:-9])
        if reads:
            caller.head()
            next(caller.lines())
        until(lambda: app.state.service.batches.taken == 1)
    until(lambda: is_idle(app))


def test_a_slow_file_ends_the_batch(settings: Settings, white: bytes) -> None:
    with changed(settings, body_timeout_s=0.5) as (app, url), calling(url) as caller:
        caller.send(part(white) + part(white)[:-9])
        asked = time.monotonic()
        assert "connection: close" in caller.head().lower()
        lines = list(caller.lines())
        assert time.monotonic() - asked < 5
        assert codes(lines) == [None, "body_too_slow"]
        assert lines[-1]["error"]["limit"] == 0.5
        assert caller.connection.recv(1) == b""
        until(lambda: is_idle(app))


def test_a_batch_has_a_deadline(settings: Settings, white: bytes) -> None:
    with changed(settings, batch_deadline_s=0.5) as (_, url), calling(url) as caller:
        caller.send(part(white))
        caller.head()
        assert codes(list(caller.lines()))[-1] == "deadline_exceeded"


def test_a_stop_ends_the_batch_with_its_error(settings: Settings, white: bytes) -> None:
    with changed(settings) as (app, url), calling(url) as caller:
        caller.send(part(white) * 2)
        caller.head()
        lines = caller.lines()
        first = next(lines)
        app.state.service.draining.set()
        assert codes([first, *lines]) in ([None, "draining"], [None, None, "draining"])


def test_the_rest_of_a_form_that_cannot_be_read_is_taken_from_the_client(url: str, white: bytes) -> None:
    """It reads nothing before it has sent all, and would lose the answer with the connection."""
    with calling(url) as caller:
        caller.send(part(white) + part(white, "form-data"))
        for _ in range(32):
            caller.send(bytes(2**20))
        caller.end()
        caller.head()
        assert codes(list(caller.lines())) == [None, "malformed_body"]


def test_single_requests_are_answered_beside_batches(
    settings: Settings, white: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    trouble(monkeypatch, seconds=0.1)
    with changed(settings, queue=4) as (app, url), calling(url) as one, calling(url) as other:
        for caller in (one, other):
            caller.send(part(white) * 200)
        until(lambda: app.state.service.batches.taken == 2)
        waiting = []
        for _ in range(10):
            response = httpx2.post(f"{url}/v1/predict", content=white, timeout=60)
            assert response.status_code == 200, response.text
            waiting.append(app.state.service.pool.waiting)
        # Of all batches three images are with the two workers or wait for one.
        assert max(waiting) <= 1
        for caller in (one, other):
            caller.head()
            lines = caller.lines()
            assert all("result" in next(lines) for _ in range(5))


def test_thousands_of_files_need_no_memory(model_path: Path, white: bytes) -> None:
    """Twice as much as the service could hold, and its answers read while they come."""
    large, count = white + bytes(200_000), 2000
    with serving(model_path, FER_WORKERS="2") as (process, address), calling(f"http://{address}") as caller:

        def memory_kb(name: str) -> int:
            status = Path(f"/proc/{process.pid}/status").read_text()
            return int(status.split(f"{name}:")[1].split()[0])

        def send() -> None:
            for _ in range(count):
                caller.send(part(large))
            caller.end()

        before_kb = memory_kb("VmRSS")
        sender = start(send)
        caller.head()
        assert codes(list(caller.lines())) == [None] * count
        sender.join()
        assert memory_kb("VmHWM") - before_kb < 40_000


def test_the_end_of_the_form_is_enough(url: str, white: bytes) -> None:
    """The last line comes with the end of the form, before that of the body."""
    with calling(url) as caller:
        caller.send(part(white) + END)
        caller.head()
        assert next(caller.lines())["index"] == 0
