"""FormFiles: the files of a form, however its bytes arrive."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import Request
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.requests import ClientDisconnect
from starlette.types import Message

from service.problems import BodyTooLarge, BodyTooSlow, DeadlineExceeded, Draining, MalformedBody, Overloaded, Problem
from service.routes.multipart import File, FormFiles
from service.workers.budget import Budget
from tests.service.batches import BOUNDARY, END, form, part

MOST_BYTES = 100
LEAVES: Message = {"type": "http.disconnect"}


class Arriving:
    """A request with a chunk `every_s` seconds, and none after the last one; `asked` counts those that were taken."""

    def __init__(
        self,
        *chunks: bytes,
        ends: bool = True,
        every_s: float = 0.0,
        content_type: str = "",
        budget_bytes: int = 10**6,
        **options: Any,
    ) -> None:
        self._chunks, self._ends, self._every_s = list(chunks), ends, every_s
        self._began = asyncio.get_running_loop().time()
        self.asked = 0
        self.draining = asyncio.Event()
        content_type = content_type or f"multipart/form-data; boundary={BOUNDARY}"
        scope = {"type": "http", "headers": [(b"content-type", content_type.encode())]}
        self.memory = Budget(budget_bytes).reserve("client")
        options = {"most_bytes": MOST_BYTES, "file_timeout_s": 30.0, "silence_s": 30.0, "deadline_s": 30.0, **options}
        self.form = FormFiles(Request(scope, self._receive), self.memory, draining=self.draining, **options)

    async def _receive(self) -> Message:
        if self.asked == len(self._chunks):
            await asyncio.Event().wait()
        due = self._began + self._every_s * (self.asked + 1)
        await asyncio.sleep(max(0, due - asyncio.get_running_loop().time()))
        self.asked += 1
        more = not self._ends or self.asked < len(self._chunks)
        return {"type": "http.request", "body": self._chunks[self.asked - 1], "more_body": more}


def read(*chunks: bytes, **options: Any) -> tuple[list[File], Exception | None]:
    """All files of a form, and what was raised after them."""

    async def whole() -> tuple[list[File], Exception | None]:
        files: list[File] = []
        try:
            arriving = Arriving(*chunks, **options)
            await arriving.form.begin()
            async for file in arriving.form.files():
                files.append(file)
        except Problem as problem:
            return files, problem
        assert arriving.form.is_read
        return files, None

    return asyncio.run(whole())


def cut(body: bytes, sizes: Iterator[int]) -> list[bytes]:
    pieces = []
    while body:
        size = next(sizes)
        pieces.append(body[:size])
        body = body[size:]
    return pieces


# What looks like a boundary, and is none: it is part of a file.
ALMOST = st.sampled_from([b"\r\n--", f"\r\n--{BOUNDARY}"[:-1].encode(), f"--{BOUNDARY}--".encode(), b"\r", b"\n", b"-"])
CONTENT = st.lists(ALMOST | st.binary(max_size=9), min_size=1, max_size=6).map(b"".join)
FILES = st.lists(CONTENT.filter(lambda content: content and f"\r\n--{BOUNDARY}".encode() not in content), min_size=1)


@settings(deadline=None)
@given(FILES, st.lists(st.integers(1, 40), min_size=1))
def test_the_files_are_the_same_whatever_the_chunks(files: list[bytes], sizes: list[int]) -> None:
    turns = (size for _ in iter(int, 1) for size in sizes)
    assert read(*cut(form(files), turns), most_bytes=1000) == (files, None)


def test_a_form_that_is_cut_short_gives_the_files_before_the_cut() -> None:
    """A file is complete with the line that begins the next one; the form's own end takes two hyphens more."""
    whole = form([b"one", b"two"])
    first = len(part(b"one")) + len(f"--{BOUNDARY}\r\n")
    for length in range(len(whole) - len("\r\n")):
        files, problem = read(whole[:length])
        assert files == ([b"one"] if length >= first else []), length
        assert isinstance(problem, MalformedBody)


def test_what_stands_around_the_form_is_not_read() -> None:
    assert read(b"\r\n" + form([b"one"]) + b"epilogue", b"more of it") == ([b"one"], None)


def test_an_empty_form_is_refused() -> None:
    assert isinstance(read(END)[1], MalformedBody)
    assert isinstance(read(b"")[1], MalformedBody)


@pytest.mark.parametrize(
    "header",
    [
        'form-data; name="file"',
        'form-data; name="image"; filename="a.png"',
        'form-data; filename="a.png"',
        "form-data",
        'form-data; name="file"; filename="' + 5000 * "a" + '"',
        'form-data; name="file"; filename="a.png"' + "".join(f"\r\nX-{number}: 1" for number in range(99)),
    ],
)
def test_another_part_ends_the_form(header: str) -> None:
    files, problem = read(part(b"one") + part(b"two", header) + form([b"three"]))
    assert files == [b"one"]
    assert isinstance(problem, MalformedBody)


@pytest.mark.parametrize(
    "content_type",
    [
        "image/png",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=" + 999 * "a",
    ],
)
def test_a_request_without_a_form_is_refused(content_type: str) -> None:
    assert isinstance(read(b"", content_type=content_type)[1], MalformedBody)


def test_an_empty_file_and_one_that_is_too_large_cost_no_other() -> None:
    whole = form([b"one", b"", bytes(MOST_BYTES), bytes(5 * MOST_BYTES), b"two"])
    for size in (1, 7, len(whole)):
        (one, empty, large, larger, two), problem = read(*cut(whole, iter(lambda size=size: size, 0)))  # type: ignore[misc]
        assert (one, large, two, problem) == (b"one", bytes(MOST_BYTES), b"two", None)
        assert isinstance(empty, MalformedBody)
        assert isinstance(larger, BodyTooLarge)
        assert larger.limit == MOST_BYTES


@pytest.mark.parametrize("size", [10, 1000])
def test_a_file_without_memory_costs_no_other(size: int) -> None:
    """What has arrived of it is held no longer; whoever takes the others gives theirs back."""

    async def whole() -> None:
        # Four fifths are for one client.
        chunks = cut(form([bytes(60), bytes(30), bytes(15)]), iter(lambda: size, 0))
        arriving = Arriving(*chunks, budget_bytes=100)
        await arriving.form.begin()
        large, larger, small = [file async for file in arriving.form.files()]
        assert (large, small) == (bytes(60), bytes(15))
        assert isinstance(larger, Overloaded)
        assert arriving.memory.held == 75

    asyncio.run(whole())


def test_no_chunk_is_read_before_it_is_needed() -> None:
    async def whole() -> None:
        arriving = Arriving(*map(part, [b"one", b"two", b"three"]), END)
        await arriving.form.begin()
        assert arriving.asked == 1
        files = arriving.form.files()
        # A file has ended where the next one begins.
        for file, asked in ((b"one", 2), (b"two", 3), (b"three", 4)):
            assert await anext(files) == file
            assert arriving.asked == asked

    asyncio.run(whole())


@pytest.mark.parametrize(
    ("options", "kind", "limit"),
    [
        ({"file_timeout_s": 0.1}, BodyTooSlow, 0.1),
        ({"silence_s": 0.1}, BodyTooSlow, 0.1),
        ({"deadline_s": 0.1}, DeadlineExceeded, 0.1),
    ],
)
def test_what_arrives_too_slowly(options: dict[str, float], kind: type[Problem], limit: float) -> None:
    files, problem = read(part(b"one") + part(b"two"), ends=False, **options)
    assert files == [b"one"]
    assert isinstance(problem, kind)
    assert problem.limit == limit


def test_each_file_has_its_own_time() -> None:
    async def whole() -> None:
        arriving = Arriving(*map(part, [b"one", b"two", b"three"]), END, every_s=0.2, file_timeout_s=0.6)
        await arriving.form.begin()
        assert [file async for file in arriving.form.files()] == [b"one", b"two", b"three"]

    asyncio.run(whole())


def test_the_time_in_which_nothing_is_asked_for_does_not_count() -> None:
    async def whole() -> None:
        arriving = Arriving(*map(part, [b"one", b"two"]), END, file_timeout_s=0.2)
        await arriving.form.begin()
        files = []
        async for file in arriving.form.files():
            files.append(file)
            await asyncio.sleep(0.3)
        assert files == [b"one", b"two"]

    asyncio.run(whole())


def test_a_stop_of_the_service_ends_the_wait() -> None:
    async def whole() -> None:
        arriving = Arriving(part(b"one") + part(b"two"), ends=False)
        await arriving.form.begin()
        files = arriving.form.files()
        assert await anext(files) == b"one"
        asyncio.get_running_loop().call_later(0.1, arriving.draining.set)
        async with asyncio.timeout(2):
            with pytest.raises(Draining):
                await anext(files)

    asyncio.run(whole())


def test_a_client_that_leaves() -> None:
    async def whole() -> None:
        arriving = Arriving(part(b"one"))

        async def leaves() -> Message:
            return LEAVES

        arriving.form._receive = leaves
        with pytest.raises(ClientDisconnect):
            await arriving.form.begin()

    asyncio.run(whole())


@pytest.mark.parametrize("ends", [True, False])
def test_the_rest_is_discarded_for_a_time(ends: bool) -> None:
    async def whole() -> None:
        arriving = Arriving(form([b"one"]), b"rest", b"of it", ends=ends)
        await arriving.form.begin()
        async with asyncio.timeout(5):
            await arriving.form.discard()
        assert arriving.form.is_read is ends
        assert arriving.asked == 3

    asyncio.run(whole())
