"""What runs in a worker, here in the test's own process, which gives up nothing."""

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from service.workers import process, sandbox
from service.workers.channel import Header, Inbox, pack, receive_blocking
from service.workers.process import Handler, Plan
from tests.service.workers import handlers

INBOX_BYTES = 2**16


@pytest.fixture
def given_up(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The headroom of each time that the worker would have given up its rights."""
    calls: list[int] = []
    monkeypatch.setattr(sandbox, "lock_down", calls.append)
    monkeypatch.setattr(sandbox, "end_after", lambda seconds: None)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    return calls


@contextmanager
def worker(make: Callable[[], tuple[Handler, Header]], inbox: Inbox | None = None) -> Iterator[socket.socket]:
    """The service's end of the connection to a worker that runs in a thread."""
    ours, theirs = socket.socketpair()
    plan = Plan(make, (), headroom_bytes=5, deadline_s=1.0)
    thread = threading.Thread(target=process.main, args=(theirs, inbox or Inbox(INBOX_BYTES), plan))
    thread.start()
    try:
        yield ours
    finally:
        ours.close()
        thread.join(10)
        theirs.close()
    assert not thread.is_alive()


def ask(connection: socket.socket, task: dict[str, Any], body: bytes = b"") -> tuple[Header, bytes]:
    connection.sendall(pack(task, body))
    return receive_blocking(connection)


def test_it_says_what_it_has_loaded_and_gives_up_its_rights_before_any_task(given_up: list[int]) -> None:
    with worker(handlers.obedient) as connection:
        about, _ = receive_blocking(connection)
        assert "echo" in about["about"]["obeys"]
        assert given_up == [5]
        header, payload = ask(connection, {"do": "echo", "say": "é"}, b"body")
    assert (header["said"], header["last"], payload) == ("é", True, b"body")


def test_a_body_in_the_inbox_is_read_from_there(given_up: list[int]) -> None:
    inbox = Inbox(INBOX_BYTES)
    with worker(handlers.obedient, inbox) as connection:
        receive_blocking(connection)
        inbox.write(b"in memory")
        assert ask(connection, {"do": "echo", "inbox_bytes": 9})[1] == b"in memory"
    inbox.close()


@pytest.mark.parametrize(
    ("do", "told"),
    [
        ("refuse", {"code": "invalid_option", "limit": 3}),
        ("run out", {"code": "out_of_memory", "limit": None}),
    ],
)
def test_a_problem_goes_to_the_service_and_the_next_task_is_answered(
    given_up: list[int], do: str, told: dict[str, object]
) -> None:
    with worker(handlers.obedient) as connection:
        receive_blocking(connection)
        header, _ = ask(connection, {"do": do})
        assert header["last"] is True
        assert {key: header["problem"][key] for key in told} == told
        assert ask(connection, {"do": "echo"})[0]["last"] is True


def test_a_fault_goes_to_the_service_with_its_traceback(given_up: list[int]) -> None:
    with worker(handlers.obedient) as connection:
        receive_blocking(connection)
        header, _ = ask(connection, {"do": "fail"})
    assert header["last"] is True
    assert "ZeroDivisionError: a fault of ours" in header["trace"]


def test_what_cannot_load_is_told_and_nothing_is_given_up(given_up: list[int]) -> None:
    with worker(handlers.without_model) as connection:
        assert receive_blocking(connection)[0]["refused"] == "there is no model"
    assert given_up == []
