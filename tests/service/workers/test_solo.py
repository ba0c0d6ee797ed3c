"""A worker for one long task."""

import asyncio
import os
import time
from collections.abc import Iterable
from contextlib import aclosing
from dataclasses import replace
from multiprocessing import active_children
from pathlib import Path

import anyio
import pytest

from service.problems import DeadlineExceeded, InvalidOption, WorkerDied
from service.workers import solo
from service.workers.channel import Header, Inbox, Upload
from service.workers.failures import Losses
from service.workers.process import Plan
from service.workers.worker import Worker, all_ended
from tests.service.workers import handlers
from tests.service.workers.test_pool import is_running, until

PLAN = Plan(handlers.obedient, (), headroom_bytes=2**27, deadline_s=30.0)


def upload_of(chunks: Iterable[bytes]) -> Upload:
    upload = Upload()
    for chunk in chunks:
        upload.write(chunk)
    return upload


async def all_of(
    task: Header, chunks: Iterable[bytes] = (b"video",), plan: Plan = PLAN, losses: Losses | None = None
) -> list[tuple[Header, bytes]]:
    return await all_answers(task, upload_of(chunks), plan, losses)


async def all_answers(
    task: Header, upload: Upload, plan: Plan = PLAN, losses: Losses | None = None
) -> list[tuple[Header, bytes]]:
    async with aclosing(solo.answers(plan, task, upload, losses or Losses())) as answers:
        return [answer async for answer in answers]


@pytest.mark.parametrize("chunks", [[b"x"], [b"several ", b"", b"chunks"], [bytes([n]) * 2**20 for n in range(5)]])
def test_a_body_that_came_in_chunks_is_one_file(chunks: list[bytes]) -> None:
    ((header, payload),) = asyncio.run(all_of({"do": "echo", "as_file": True}, chunks))
    assert header["last"] is True
    assert payload == b"".join(chunks)


def test_a_file_on_disk_is_read_where_it_is(tmp_path: Path) -> None:
    (path := tmp_path / "video").write_bytes(b"before")
    upload = Upload(path)
    # A copy would not have this.
    path.write_bytes(b"after!")
    ((_, payload),) = asyncio.run(all_answers({"do": "echo", "as_file": True}, upload))
    assert payload == b"after!"


def test_a_worker_cannot_change_the_file_that_it_reads(tmp_path: Path) -> None:
    (path := tmp_path / "video").write_bytes(b"a file of somebody else")
    asyncio.run(all_answers({"do": "empty all it holds"}, Upload(path)))
    assert path.read_bytes() == b"a file of somebody else"


def test_a_file_that_is_cut_while_it_is_read_costs_the_worker_alone(tmp_path: Path) -> None:
    (path := tmp_path / "video").write_bytes(bytes(2**16))
    upload = Upload(path)

    # It reads the file after these answers, which wait for their reader.
    task = {"do": "echo", "as_file": True, "times": 100, "size": 2**17}

    async def read() -> None:
        async with aclosing(solo.answers(PLAN, task, upload, Losses())) as answers:
            await anext(answers)
            os.truncate(path, 0)
            async for _ in answers:
                pass

    with pytest.raises(WorkerDied):
        asyncio.run(read())


def test_answers_come_in_order_and_the_last_one_ends_the_worker() -> None:
    *numbered, (last, _) = asyncio.run(all_of({"do": "echo", "times": 500}))
    assert [header["number"] for header, _ in numbered] == list(range(500))
    assert not is_running(last["pid"])


def test_answers_come_while_the_task_goes_on() -> None:
    async def first_s() -> float:
        async with aclosing(solo.answers(PLAN, {"do": "spin", "times": 1}, upload_of([b"x"]), Losses())) as answers:
            begun = time.perf_counter()
            await anext(answers)
            return time.perf_counter() - begun

    begun = time.perf_counter()
    assert asyncio.run(first_s()) < 10
    assert time.perf_counter() - begun < 15


def test_a_worker_runs_ahead_of_its_reader_by_little() -> None:
    """It writes until the connection is full, then waits until the service reads on, as that waits for its client."""
    size, times, pause_s = 10_000, 1000, 0.5

    async def produced_in_the_pause() -> list[bool]:
        early = []
        task = {"do": "echo", "times": times, "size": size}
        async with aclosing(solo.answers(PLAN, task, upload_of([b"x"]), Losses())) as answers:
            await anext(answers)
            await asyncio.sleep(pause_s)
            read_on = time.monotonic()
            async for header, _ in answers:
                if "at_s" in header:
                    early.append(header["at_s"] < read_on)
        return early

    early = asyncio.run(produced_in_the_pause())
    assert len(early) == times - 1
    assert 0 < sum(early) * size < 2**20


def test_a_problem_after_some_answers_ends_them() -> None:
    numbers = []

    async def read() -> None:
        async for header, _ in solo.answers(PLAN, {"do": "refuse", "times": 3}, upload_of([b"x"]), Losses()):
            numbers.append(header["number"])

    with pytest.raises(InvalidOption):
        asyncio.run(read())
    assert numbers == [0, 1, 2]


def test_its_death_and_its_deadline_are_told_and_counted() -> None:
    losses = Losses()
    with pytest.raises(WorkerDied):
        asyncio.run(all_of({"do": "segfault"}, losses=losses))
    with pytest.raises(WorkerDied):
        asyncio.run(all_of({"do": "say long", "bytes": 2**22}, losses=losses))
    hasty = Plan(handlers.obedient, (), headroom_bytes=2**27, deadline_s=1.0)
    with pytest.raises(DeadlineExceeded):
        asyncio.run(all_of({"do": "spin"}, plan=hasty, losses=losses))
    with pytest.raises(WorkerDied, match="ended while it was loading"):
        asyncio.run(all_of({}, plan=replace(PLAN, make=handlers.without_model), losses=losses))
    with pytest.raises(InvalidOption):
        asyncio.run(all_of({"do": "refuse"}, losses=losses))
    assert losses == Losses(ended_by={"died": 1, "deadline": 1, "malformed": 1}, failed_starts=1)


@pytest.mark.parametrize("after_s", [0.0, 0.01, 0.05, 0.1, 0.2, 0.4])
def test_a_caller_that_is_cancelled_leaves_nothing_behind(after_s: float) -> None:
    """Cancelled again at every await of its end, as anyio does it for a client that has left."""

    async def scenario() -> None:
        async def call() -> None:
            async for _ in solo.answers(PLAN, {"do": "spin", "times": 1}, upload_of([b"x"]), Losses()):
                pass

        before, others = len(list(Path("/proc/self/fd").iterdir())), len(active_children())
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(call)
                await anyio.sleep(after_s)
                scope.cancel()
        await until(lambda: len(active_children()) <= others)
        await until(lambda: len(list(Path("/proc/self/fd").iterdir())) <= before)

    asyncio.run(solo_warm())
    asyncio.run(scenario())


async def solo_warm() -> None:
    """The fork server runs afterwards, whose descriptors stay."""
    await all_of({"do": "echo"})


def test_an_upload_that_is_not_passed_on_gives_its_memory_back() -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(10):
        upload_of([b"x" * 2**16]).close()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_an_end_that_nobody_waits_for_is_waited_for_in_the_end() -> None:
    """A client leaves, and its worker is ended in the background: the event loop may be closed before that is done."""

    async def leave() -> set[asyncio.Task[object]]:
        worker = await Worker.start(PLAN, Inbox(1))
        ending = asyncio.create_task(worker.end())
        await asyncio.sleep(0)
        ending.cancel()
        await all_ended()
        return asyncio.all_tasks() - {asyncio.current_task(), ending}

    assert asyncio.run(leave()) == set()
