"""What a worker that was taken over could send: the service reads no more than an honest worker would have said."""

import asyncio
import json
import struct

import pytest

from service.problems import InvalidOption, problem_from_wire
from service.workers.channel import Header, Malformed, pack, receive

MOST = 1000


def received(*pieces: bytes, is_over: bool = True) -> tuple[Header, bytes]:
    async def read() -> tuple[Header, bytes]:
        reader = asyncio.StreamReader()
        for piece in pieces:
            reader.feed_data(piece)
        if is_over:
            reader.feed_eof()
        async with asyncio.timeout(5):
            return await receive(reader, MOST)

    return asyncio.run(read())


def test_what_was_packed_is_received() -> None:
    assert received(pack({"said": "gr\u00fc\u00dfe"}, b"x" * MOST)) == ({"said": "gr\u00fc\u00dfe"}, b"x" * MOST)


@pytest.mark.parametrize(("header", "payload"), [(2**32 - 1, 0), (2**21 + 1, 0), (2, MOST + 1), (2, 2**32 - 1)])
def test_lengths_that_no_worker_sends_are_refused_before_anything_is_read(header: int, payload: int) -> None:
    with pytest.raises(Malformed, match=f"{header:,}"):
        received(struct.pack(">II", header, payload), is_over=False)


@pytest.mark.parametrize(
    "header",
    [b"", b"{", b"[]", b"3", b"null", b"\xff\xfe", b"[" * 100_000, b"{" + b'"a":{' * 100_000],
    ids=lambda header: str(header[:9]),
)
def test_a_header_that_is_no_json_object_is_refused(header: bytes) -> None:
    with pytest.raises(Malformed):
        received(struct.pack(">II", len(header), 0), header)


def test_a_worker_that_ends_in_the_middle_is_no_malformed_message() -> None:
    with pytest.raises(asyncio.IncompleteReadError):
        received(pack({"said": 1}, b"x" * 10)[:-1])


def test_a_problem_travels() -> None:
    problem = problem_from_wire(json.loads(json.dumps(InvalidOption("It is odd.", limit=2.5).to_wire())))
    assert isinstance(problem, InvalidOption)
    assert (problem.detail, problem.limit, problem.retry_after_s) == ("It is odd.", 2.5, None)


@pytest.mark.parametrize(
    "changes",
    [
        {"code": "made_up"},
        {"code": ["invalid_option"]},
        {"detail": None},
        {"limit": "3"},
        {"retry_after_s": "1\r\nSet-Cookie: a=b"},
    ],
)
def test_a_problem_that_is_none_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="no problem"):
        problem_from_wire({**InvalidOption("It is odd.").to_wire(), **changes})


def test_a_problem_that_is_no_object_is_refused() -> None:
    with pytest.raises(ValueError, match="no problem"):
        problem_from_wire(["invalid_option"])
