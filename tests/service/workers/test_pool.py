"""Workers as processes: their answers, their deaths, their deadlines, and what they may not do."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from service.problems import DeadlineExceeded, InvalidOption, OutOfMemory, Overloaded, WorkerDied
from service.workers import landlock
from service.workers.channel import Header, Inbox
from service.workers.failures import Failures
from service.workers.pool import Chosen, WorkerPool
from service.workers.process import Handler, Plan
from service.workers.worker import StartRefused, Worker, WorkerFault
from tests.service.workers import handlers

ROOT = Path(__file__).parents[3]
INBOX_BYTES = 2**20
HEADROOM_BYTES = 2**27


@asynccontextmanager
async def pool_of(workers: int = 1, queue: int = 8, deadline_s: float = 30.0) -> AsyncIterator[WorkerPool]:
    plan = Plan(handlers.obedient, (), headroom_bytes=HEADROOM_BYTES, deadline_s=deadline_s)
    pool = WorkerPool(plan, workers=workers, queue=queue, inbox_bytes=INBOX_BYTES)
    await pool.start()
    try:
        yield pool
    finally:
        await pool.close()


def run(work: Callable[[WorkerPool], Awaitable[object]], **options: float) -> None:
    """Run `work` with a pool of its own."""

    async def whole() -> None:
        async with pool_of(**options) as pool:  # type: ignore[arg-type]
            await work(pool)

    asyncio.run(whole())


async def ask(pool: WorkerPool, body: bytes = b"", **task: object) -> Header:
    return (await pool.run(task, body)).header


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.01)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("size", [0, 1, 2**14 - 1, 2**14, INBOX_BYTES, INBOX_BYTES + 1])
def test_header_and_body_come_back_whichever_way_they_go(size: int) -> None:
    async def work(pool: WorkerPool) -> None:
        for _ in range(2):
            body = os.urandom(size)
            answer = await pool.run({"do": "echo", "say": "grüße"}, body)
            assert answer.payload == body
            assert answer.header["said"] == "grüße"

    run(work)


def test_several_workers_answer_at_once_and_one_at_a_time_each() -> None:
    async def work(pool: WorkerPool) -> None:
        begun = time.perf_counter()
        answers = await asyncio.gather(*(ask(pool, do="sleep", seconds=0.5, say=n) for n in range(4)))
        assert 1.0 <= time.perf_counter() - begun < 1.9
        assert len({answer["pid"] for answer in answers}) == 2
        assert [answer["said"] for answer in answers] == [0, 1, 2, 3]

    run(work, workers=2)


def test_a_task_that_is_alone_may_use_all_cores_and_one_of_many_a_single_one() -> None:
    async def work(pool: WorkerPool) -> None:
        assert (await ask(pool, do="echo"))["threads"] == 2
        answers = await asyncio.gather(*(ask(pool, do="sleep", seconds=0.2) for _ in range(4)))
        # The first did not know of the others yet.
        assert [answer["threads"] for answer in answers] == [2, 1, 1, 1]

    run(work, workers=2)


def test_a_task_is_chosen_once_a_worker_is_free() -> None:
    async def work(pool: WorkerPool) -> None:
        newest = 0

        def choose() -> Chosen:
            return Chosen({"do": "echo", "say": newest}, b"", time.perf_counter())

        hog = asyncio.create_task(ask(pool, do="sleep", seconds=0.3))
        await asyncio.sleep(0)
        waiting = asyncio.create_task(pool.run_chosen(choose))
        await asyncio.sleep(0.1)
        assert not hog.done()
        newest = 2
        answer = await waiting
        assert answer is not None
        assert answer.header["said"] == 2
        assert answer.queue_ms < 50

    run(work)


def test_where_nothing_is_chosen_the_worker_stays_free() -> None:
    async def work(pool: WorkerPool) -> None:
        for _ in range(3):
            assert await pool.run_chosen(lambda: None) is None
            with pytest.raises(ZeroDivisionError):
                await pool.run_chosen(lambda: Chosen({}, b"", 1 / 0))
        assert await ask(pool, do="echo")
        assert pool.idle == 1

    run(work, queue=0)


def test_one_task_more_than_the_queue_holds_is_refused_at_once() -> None:
    async def work(pool: WorkerPool) -> None:
        taken = [asyncio.create_task(ask(pool, do="sleep", seconds=0.3)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(Overloaded):
            await ask(pool, do="echo")
        await asyncio.gather(*taken)
        assert await ask(pool, do="echo")

    run(work, queue=1)


def test_a_task_over_its_deadline_is_ended_and_not_only_abandoned() -> None:
    async def work(pool: WorkerPool) -> None:
        pid = (await ask(pool, do="echo"))["pid"]
        plan = pool._plan
        pool._plan = replace(plan, deadline_s=0.3)
        with pytest.raises(DeadlineExceeded):
            await ask(pool, do="spin")
        pool._plan = plan
        await until(lambda: not is_running(pid))
        assert (await ask(pool, do="echo"))["pid"] != pid

    run(work)


def test_the_time_in_the_queue_counts_towards_the_deadline() -> None:
    async def work(pool: WorkerPool) -> None:
        hog = asyncio.create_task(ask(pool, do="spin"))
        await asyncio.sleep(0.5)
        begun = time.perf_counter()
        later = asyncio.create_task(ask(pool, do="spin"))
        with pytest.raises(DeadlineExceeded):
            await hog
        waited = time.perf_counter() - begun
        with pytest.raises(DeadlineExceeded):
            await later
        # A deadline of its own from the queue's end on would have taken a second more than it waited.
        assert 0.9 <= time.perf_counter() - begun < waited + 0.9

    run(work, deadline_s=1.0)


def test_a_worker_that_dies_costs_its_own_task_alone() -> None:
    async def work(pool: WorkerPool) -> None:
        bystanders = [asyncio.create_task(ask(pool, do="sleep", seconds=0.2, say=n)) for n in range(3)]
        with pytest.raises(WorkerDied):
            await ask(pool, do="segfault")
        assert [answer["said"] for answer in await asyncio.gather(*bystanders)] == [0, 1, 2]
        assert pool.replaced == 1

    run(work, workers=2)


def test_ten_deaths_in_a_row_do_not_stop_the_service() -> None:
    async def work(pool: WorkerPool) -> None:
        for _ in range(10):
            with pytest.raises(WorkerDied):
                await ask(pool, do="segfault")
        assert (await ask(pool, do="echo", say="still here"))["said"] == "still here"

    run(work, workers=2)


def test_a_worker_that_is_killed_from_outside_while_it_waits_is_replaced_too() -> None:
    async def work(pool: WorkerPool) -> None:
        pid = (await ask(pool, do="echo"))["pid"]
        os.kill(pid, signal.SIGKILL)
        await until(lambda: pool.replaced == 1)
        assert (await ask(pool, do="echo"))["pid"] != pid

    run(work)


def test_a_worker_that_is_asked_to_end_by_others_goes_on() -> None:
    """systemd's stop reaches every process of a unit; what was accepted is still answered."""

    async def work(pool: WorkerPool) -> None:
        pid = (await ask(pool, do="echo"))["pid"]
        answer = asyncio.create_task(ask(pool, do="sleep", seconds=0.3))
        await asyncio.sleep(0.1)
        os.kill(pid, signal.SIGTERM)
        assert (await answer)["pid"] == pid
        assert pool.replaced == 0

    run(work)


def test_it_is_ready_again_once_the_worker_that_was_killed_is_replaced() -> None:
    async def work(pool: WorkerPool) -> None:
        assert pool.is_ready
        os.kill((await ask(pool, do="echo"))["pid"], signal.SIGKILL)
        await until(lambda: not pool.is_ready)
        assert pool.alive == 0
        await until(lambda: pool.is_ready)
        assert pool.replaced_by == {"died": 1, "deadline": 0, "malformed": 0}

    run(work)


def test_workers_that_die_as_soon_as_they_start_make_it_unready_and_are_not_started_without_end() -> None:
    async def whole() -> None:
        plan = Plan(handlers.obedient_for, (0.3,), headroom_bytes=HEADROOM_BYTES, deadline_s=5.0)
        pool = WorkerPool(plan, workers=1, queue=0, inbox_bytes=INBOX_BYTES)
        await pool.start()
        try:
            await until(lambda: pool.replaced >= 3)
            assert not pool.is_ready
            # Also while the next one lives.
            await until(lambda: pool.alive == 1)
            assert not pool.is_ready
            replaced, begun = pool.replaced, time.perf_counter()
            await asyncio.sleep(2)
            assert pool.replaced - replaced <= (time.perf_counter() - begun) / (0.3 + 0.5) + 1
        finally:
            await pool.close()

    asyncio.run(whole())


def test_workers_that_die_at_work_do_not_make_it_unready() -> None:
    async def work(pool: WorkerPool) -> None:
        for _ in range(5):
            with pytest.raises(WorkerDied):
                await ask(pool, do="segfault")
        await until(lambda: pool.alive == 1)
        assert pool.is_ready
        assert pool.replaced_by["died"] == 5

    run(work)


def test_a_death_that_a_task_was_told_of_is_not_told_again() -> None:
    """It would count as the death of a worker without a task."""

    async def whole() -> None:
        plan = Plan(handlers.obedient, (), headroom_bytes=HEADROOM_BYTES, deadline_s=5.0)
        worker = await Worker.start(plan, Inbox(INBOX_BYTES))
        told: list[bool] = []
        worker.when_it_dies(lambda died: told.append(died.is_at_work))
        with pytest.raises(WorkerDied):
            await worker.ask({"do": "segfault"}, b"", asyncio.get_running_loop().time() + 20)
        await asyncio.sleep(0.2)
        assert False not in told
        await worker.end()

    asyncio.run(whole())


def test_failures_are_too_many_within_a_time() -> None:
    failures = Failures(3, within_s=0.2)
    for _ in range(3):
        assert not failures.are_too_many
        failures.add()
    assert failures.are_too_many
    time.sleep(0.25)
    assert not failures.are_too_many


def test_an_answer_that_is_too_long_is_a_problem_of_its_own_and_ends_nothing() -> None:
    async def work(pool: WorkerPool) -> None:
        with pytest.raises(InvalidOption, match="larger than") as raised:
            await ask(pool, do="answer long", bytes=2**26 + 1)
        assert raised.value.limit == 2**26
        assert pool.replaced == 0

    run(work)


def test_a_header_that_is_too_long_ends_its_worker() -> None:
    async def work(pool: WorkerPool) -> None:
        with pytest.raises(WorkerDied, match="made no sense"):
            await ask(pool, do="say long", bytes=2**22)
        assert (await ask(pool, do="echo", say="another"))["said"] == "another"
        assert pool.replaced_by == {"died": 0, "deadline": 0, "malformed": 1}

    run(work)


def test_memory_is_bounded_and_a_task_that_wants_more_gets_a_problem() -> None:
    async def work(pool: WorkerPool) -> None:
        assert (await ask(pool, do="allocate", bytes=HEADROOM_BYTES // 2))["allocated"]
        with pytest.raises(OutOfMemory):
            await ask(pool, do="allocate", bytes=2 * HEADROOM_BYTES)
        assert (await ask(pool, do="echo"))["pid"]
        assert pool.replaced == 0

    run(work)


def test_a_worker_opens_nothing() -> None:
    async def work(pool: WorkerPool) -> None:
        outcomes = (await ask(pool, do="try forbidden"))["outcomes"]
        assert set(outcomes) == set(handlers.FORBIDDEN)
        # From Python 3.13 on, a program's start is refused at a later step.
        assert set(outcomes.values()) <= {"Too many open files", "Bad file descriptor"}

    run(work)


# Of Landlock, since which signals are refused and files cannot be emptied: Linux 6.12.
@pytest.mark.skipif(landlock.version() < 6, reason="needs a kernel with Landlock of version 6 or newer")
def test_a_worker_changes_no_path_and_has_no_power_over_others(tmp_path: Path) -> None:
    """Nothing of it needs a descriptor, which a worker cannot have anyway."""
    victim = tmp_path / "victim"
    victim.write_text("content")

    async def work(pool: WorkerPool) -> None:
        outcomes = (await ask(pool, do="try unrightful", folder=str(tmp_path)))["outcomes"]
        assert set(outcomes) == set(handlers.UNRIGHTFUL)
        assert set(outcomes.values()) <= {"Permission denied", "Operation not permitted"}

    run(work)
    assert list(tmp_path.iterdir()) == [victim]
    assert victim.read_text() == "content"


def test_where_the_kernel_has_no_landlock_a_worker_does_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landlock, "_CREATE_RULESET", 10**6)
    assert landlock.version() == 0
    with pytest.raises(OSError, match="refused"):
        landlock.restrict()


def test_a_problem_comes_back_as_it_was_raised() -> None:
    async def work(pool: WorkerPool) -> None:
        with pytest.raises(InvalidOption, match="too odd") as raised:
            await ask(pool, do="refuse")
        assert raised.value.limit == 3

    run(work)


def test_a_fault_of_ours_brings_its_traceback() -> None:
    async def work(pool: WorkerPool) -> None:
        with pytest.raises(WorkerFault, match=r"(?s)Traceback.*ZeroDivisionError: a fault of ours"):
            await ask(pool, do="fail")
        assert await ask(pool, do="echo")

    run(work)


def test_the_answer_to_a_client_that_left_reaches_nobody_else() -> None:
    async def work(pool: WorkerPool) -> None:
        left = asyncio.create_task(ask(pool, do="sleep", seconds=0.3, say="to the one who left"))
        await asyncio.sleep(0.1)
        left.cancel()
        assert (await ask(pool, do="echo", say="to the one who stayed"))["said"] == "to the one who stayed"
        assert pool.replaced == 0

    run(work)


def test_one_that_leaves_the_queue_takes_no_place() -> None:
    async def work(pool: WorkerPool) -> None:
        hog = asyncio.create_task(ask(pool, do="sleep", seconds=0.3))
        await asyncio.sleep(0.05)
        waiting = asyncio.create_task(ask(pool, do="echo"))
        await asyncio.sleep(0.05)
        waiting.cancel()
        await asyncio.sleep(0)
        assert await ask(pool, do="echo")
        await hog

    run(work, queue=1)


def test_closing_ends_whatever_runs() -> None:
    async def whole() -> float:
        async with pool_of(workers=2) as pool:
            pids = {(await ask(pool, do="echo"))["pid"] for _ in range(4)}
            for _ in range(2):
                asyncio.create_task(ask(pool, do="spin"))  # noqa: RUF006 - it ends with the pool
            await asyncio.sleep(0.1)
            begun = time.perf_counter()
        assert not any(is_running(pid) for pid in pids)
        return time.perf_counter() - begun

    # Long before the deadline of what runs, which is 30 s.
    assert asyncio.run(whole()) < 10


@pytest.mark.parametrize(
    ("make", "message"), [(handlers.without_model, "there is no model"), (handlers.dead_at_start, "while it was load")]
)
def test_a_worker_that_cannot_load_is_told_of(make: Callable[[], tuple[Handler, Header]], message: str) -> None:
    async def start() -> None:
        plan = Plan(make, (), headroom_bytes=HEADROOM_BYTES, deadline_s=1.0)
        await WorkerPool(plan, workers=2, queue=0, inbox_bytes=INBOX_BYTES).start()

    with pytest.raises(StartRefused, match=message):
        asyncio.run(start())


_ORPHANS = """
import asyncio, os
from tests.service.workers.test_pool import pool_of, ask
async def main():
    async with pool_of(workers=2, deadline_s=1.0) as pool:
        busy = [asyncio.create_task(ask(pool, do=what, seconds=0)) for what in ("echo", "spin")]
        print(*[worker["pid"] for worker in [await busy[0], await ask(pool, do="echo")]], flush=True)
        os.kill(os.getpid(), 9)
asyncio.run(main())
"""


def test_workers_end_when_the_service_is_killed() -> None:
    killed = subprocess.run([sys.executable, "-c", _ORPHANS], cwd=ROOT, capture_output=True, text=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    pids = [int(pid) for pid in killed.stdout.split()]
    assert pids
    deadline = time.monotonic() + 20
    while any(is_running(pid) for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_place_of_workers_that_were_replaced_is_given_back() -> None:
    """While the body arrived, the model was replaced, and the workers and their queue with it."""

    async def work(old: WorkerPool) -> None:
        async with pool_of() as new:
            place = old.keep_place()
            assert old._shares.taken == 1
            await new.run({"do": "echo", "say": ""}, b"body", place)
            assert old._shares.taken == new._shares.taken == 0
            await old.retire()

    run(work)
