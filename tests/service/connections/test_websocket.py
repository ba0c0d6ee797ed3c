"""WebSocket as bytes, against the real server: what costs a client nothing has a limit, too."""

import os
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.settings import Settings
from tests.service.processes import listening, serving
from tests.service.sockets import assert_raw_problem, connect, exchange, head, read_answer
from tests.service.websockets import BINARY, FIN, HANDSHAKE, PING, PONG, TEXT, close_code, frame, opened, read_frame


@pytest.fixture(scope="module")
def address(settings: Settings) -> Iterator[str]:
    with listening(settings) as address:
        yield address


@pytest.mark.parametrize(
    "frames",
    [
        frame(PING) * 2**17,
        frame(PING, b"x" * 100) * 2**13,
        frame(BINARY, fin=0) + frame(0, fin=0) * 2**17,
    ],
    ids=["empty pings", "pings", "empty fragments"],
)
def test_frames_that_cost_nothing_end_the_session_where_they_are_many(address: str, frames: bytes) -> None:
    """The client has sent about a megabyte before it reads: it gets the close code all the same."""
    with opened(address) as connection:
        connection.sendall(frames)
        assert close_code(connection) == 4429


def test_a_few_pings_are_answered(address: str) -> None:
    with opened(address) as connection:
        connection.sendall(frame(PING, b"one") * 3)
        answers: list[bytes] = []
        while len(answers) < 3:
            opcode, content = read_frame(connection)
            answers += [content] if opcode == PONG else []
    assert answers == [b"one"] * 3


def test_text_that_is_not_utf8_is_closed_with_1007_and_no_traceback(model_path: Path) -> None:
    whole, in_fragments = frame(TEXT, b"\xff\xfe"), frame(TEXT, b"ab\xc3", fin=0) + frame(0, b"\x28")
    with serving(model_path) as (process, address):
        for message in (whole, in_fragments):
            with opened(address) as connection:
                connection.sendall(message)
                assert close_code(connection) == 1007
        process.terminate()
        log = process.log_at_end()
    assert "Traceback" not in log


def test_a_handshake_that_the_application_refuses_is_no_error_in_the_log(model_path: Path) -> None:
    with serving(model_path) as (process, address):
        with connect(address) as connection:
            connection.sendall(head("GET /v1/stream HTTP/1.1", *HANDSHAKE, "Origin: https://elsewhere.example"))
            assert read_answer(connection)[0] == 403
        process.terminate()
        log = process.log_at_end()
    assert "ERROR" not in log, log


def test_a_frame_that_is_too_large_is_closed_while_it_is_sent(address: str) -> None:
    with opened(address) as connection:
        size = 2**23
        connection.sendall(bytes([FIN | BINARY, 0x80 | 127]) + struct.pack(">Q", size) + bytes(4) + os.urandom(size))
        assert close_code(connection) == 1009


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ((*HANDSHAKE[:2], "Sec-WebSocket-Version: 12", HANDSHAKE[3]), 400, "malformed_request"),
        (HANDSHAKE[:3], 400, "malformed_request"),
        ((*HANDSHAKE, f"Cookie: {'c' * 10_000}"), 431, "headers_too_large"),
    ],
    ids=["version", "key", "cookie"],
)
def test_a_handshake_that_is_refused_is_a_problem(
    address: str, headers: tuple[str, ...], status: int, code: str
) -> None:
    with connect(address) as connection:
        connection.sendall(head("GET /v1/stream HTTP/1.1", *headers))
        assert_raw_problem(read_answer(connection), status, code)
    assert exchange(address, head("GET /livez HTTP/1.1"))[0] == 200
