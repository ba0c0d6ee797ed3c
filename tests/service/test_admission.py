"""What a request holds from its headers on is given back in every way in which it can end."""

import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient

from service.app import create_app
from service.connections.config import Config
from service.connections.http import HttpConnection
from service.connections.registry import Connections
from service.settings import Settings
from service.state import State
from service.workers import budget as budgets
from tests.service.answers import assert_problem
from tests.service.sockets import assert_raw_problem, connect, exchange, post, read_answer
from tests.service.streams import limited
from tests.service.troubles import trouble

PREDICT = "/v1/predict?crop=whole"


@contextmanager
def served(settings: Settings, **changes: Any) -> Iterator[tuple[State, str]]:
    """A service on a socket of its own in this process, so that its state can be seen."""
    settings = settings.model_copy(update=changes)
    app: FastAPI = create_app(settings)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        config = Config(
            app,
            # Room for all that a test opens: three quarters are for one address.
            connections=Connections(200),
            settings=settings,
            http=HttpConnection,
            log_config=None,
            ws="none",
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        until(lambda: server.started)
        try:
            yield app.state.service, f"127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def until(holds: Callable[[], bool]) -> None:
    for _ in range(2000):
        if holds():
            return
        time.sleep(0.01)
    pytest.fail("it never came to hold")


def is_empty(state: State) -> bool:
    return state.budget.held == 0 and state.videos.taken == 0 and not state.budget.arriving


def test_answered_and_refused(settings: Settings, white: bytes, body: bytes) -> None:
    with served(settings, max_body_bytes=10_000) as (state, address):
        for request, status in (
            (post(PREDICT, body=white), 200),
            (post("/v1/predict", body=b"words"), 415),
            (post("/v1/predict?explain=lime", body=white), 422),
            (post("/v1/predict", body=bytes(10_001)), 413),
            (post("/v1/predict/video", body=b"words"), 415),
        ):
            assert exchange(address, request)[0] == status
            until(lambda: is_empty(state))
        with connect(address) as connection:
            connection.sendall(post("/v1/predict/video?fps=1", body=body))
            assert connection.recv(12).endswith(b"200")
            while not connection.recv(2**16).endswith(b"0\r\n\r\n"):
                pass
        until(lambda: is_empty(state))


@pytest.mark.parametrize("path", ["/v1/predict", "/v1/predict/video"])
@pytest.mark.parametrize("length", ["Content-Length: 5000000", "Transfer-Encoding: chunked"])
def test_left_in_the_middle_of_the_body(settings: Settings, path: str, length: str) -> None:
    with served(settings) as (state, address):
        with connect(address) as connection:
            connection.sendall(post(path, length) + b"186A0\r\n" + bytes(100_000))
            until(lambda: state.budget.held >= 90_000)
        until(lambda: is_empty(state))


def test_left_in_the_middle_of_the_answer(settings: Settings, body: bytes) -> None:
    with served(settings) as (state, address):
        with connect(address) as connection:
            connection.sendall(post("/v1/predict/video", body=body))
            assert connection.recv(12).endswith(b"200")
            assert state.budget.held == len(body)
        until(lambda: is_empty(state))


def test_over_a_deadline(settings: Settings, white: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    with served(settings, silence_s=0.3) as (state, address), connect(address) as connection:
        connection.sendall(post(PREDICT, "Content-Length: 5000"))
        assert_raw_problem(read_answer(connection), 408, "body_too_slow")
        until(lambda: is_empty(state))
    trouble(monkeypatch, seconds=1.0)
    with served(settings, deadline_s=0.3) as (state, address):
        assert exchange(address, post(PREDICT, body=white))[0] == 504
        until(lambda: is_empty(state))


def test_a_failure(settings: Settings, white: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    trouble(monkeypatch, error="any")
    with served(settings) as (state, address):
        assert exchange(address, post(PREDICT, body=white))[0] == 500
        until(lambda: is_empty(state))


def test_held_uploads_take_no_more_than_the_budget_and_keep_no_one_out(
    settings: Settings, white: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred uploads of 10 MB that stop: what they may hold is bounded, and given up for a photo that is sent."""
    budget = 50_000_000
    # However slow the machine is, none is given up for another of them.
    monkeypatch.setattr(budgets, "PATIENCE_S", 60.0)
    with (
        served(settings, max_held_bytes=budget, silence_s=60, body_timeout_s=60) as (state, address),
        ExitStack() as stack,
    ):
        held = [stack.enter_context(connect(address)) for _ in range(80)]
        for connection in held:
            connection.sendall(post("/v1/predict", "Content-Length: 10000000"))
        until(lambda: sum(map(_has_answer, held)) >= 76)
        assert state.budget.held == 40_000_000
        for connection in [each for each in held if _has_answer(each)]:
            assert_raw_problem(read_answer(connection), 503, "overloaded")
        monkeypatch.setattr(budgets, "PATIENCE_S", 1.0)
        time.sleep(2)
        large = white + bytes(9_000_000)
        assert exchange(address, post(PREDICT, body=large))[0] == 200
        for connection in held:
            connection.close()
        until(lambda: is_empty(state))


def _has_answer(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return bool(connection.recv(1, socket.MSG_PEEK))
    except BlockingIOError:
        return False
    finally:
        connection.settimeout(20)


@pytest.mark.skipif(sys.platform != "linux", reason="needs several addresses of this machine")
def test_two_videos_that_do_not_arrive_keep_no_third_out(settings: Settings, body: bytes) -> None:
    with served(settings) as (state, address):
        silent = [connect(address, source) for source in ("127.0.0.2", "127.0.0.3")]
        for connection in silent:
            connection.sendall(post("/v1/predict/video", "Content-Length: 1000000"))
        until(lambda: state.videos.taken == 2)
        assert_raw_problem(exchange(address, post("/v1/predict/video", body=body)), 503, "overloaded")
        time.sleep(1.1)
        assert exchange(address, post("/v1/predict/video?fps=1", body=body))[0] == 200
        for connection in silent:
            connection.close()
        until(lambda: is_empty(state))


def test_a_full_queue_refuses_before_the_body(
    settings: Settings, white: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    trouble(monkeypatch, seconds=1.0)
    with served(settings, workers=1, queue=0) as (state, address), connect(address) as first:
        first.sendall(post(PREDICT, body=white))
        until(lambda: state.budget.held > 0)
        with connect(address) as second:
            second.sendall(post(PREDICT, "Content-Length: 100000"))
            document = assert_raw_problem(read_answer(second), 503, "overloaded")
            assert "queue" in document["detail"]
        assert read_answer(first)[0] == 200


def test_a_place_is_kept_only_for_a_body_that_arrives_soon(settings: Settings, white: bytes) -> None:
    with served(settings, workers=1, queue=0) as (_, address), connect(address) as slow:
        slow.sendall(post(PREDICT, f"Content-Length: {len(white)}"))
        time.sleep(0.1)
        assert exchange(address, post(PREDICT, body=white))[0] == 503
        time.sleep(0.6)
        assert exchange(address, post(PREDICT, body=white))[0] == 200
        slow.sendall(white)
        assert read_answer(slow)[0] == 200


def test_the_limit_is_shown_and_holds_for_bodies_in_chunks(settings: Settings) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(20):
            yield bytes(1000)

    with limited(settings, max_held_bytes=10_000) as client:
        assert client.get("/v1/limits").json()["max_held_bytes"] == 10_000
        document = assert_problem(client.post("/v1/predict", content=chunks()), 413, "body_too_large")
        assert document["limit"] == 8000


@pytest.mark.parametrize("kind", ["text/plain", "video/mp4", "multipart/mixed"])
def test_types_that_say_something_else_are_refused(client: TestClient, white: bytes, kind: str) -> None:
    answer = client.post("/v1/predict", content=white, headers={"content-type": kind})
    assert kind in assert_problem(answer, 415, "unsupported_media_type")["detail"]


@pytest.mark.parametrize("kind", ["application/octet-stream", "image/png", "image/heic", "application/x-unknown", ""])
def test_types_that_may_be_wrong_are_not_asked(client: TestClient, white: bytes, kind: str) -> None:
    answer = client.post("/v1/predict?crop=whole", content=white, headers={"content-type": kind})
    assert answer.status_code == 200
