"""The bounded queue: full means no, late means no, and places come back."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from service.problems import DeadlineExceeded, Overloaded
from service.workers import Done, Places, WorkerPool


@contextmanager
def pool_of(threads: int, queue: int, deadline_s: float = 5.0) -> Iterator[WorkerPool]:
    pool = WorkerPool(threads=threads, queue=queue, deadline_s=deadline_s)
    try:
        yield pool
    finally:
        pool.close()


def test_work_runs_on_another_thread() -> None:
    with pool_of(1, 0) as pool:
        done = asyncio.run(pool.run(threading.get_ident))
    assert done.value != threading.get_ident()
    assert done.queue_ms >= 0


def test_errors_of_the_work_come_through() -> None:
    def fail() -> None:
        raise KeyError("mine")

    with pool_of(1, 0) as pool, pytest.raises(KeyError, match="mine"):
        asyncio.run(pool.run(fail))


def test_a_full_queue_refuses_and_then_recovers() -> None:
    gate = threading.Event()

    async def scenario(pool: WorkerPool) -> None:
        first, second = (asyncio.create_task(pool.run(gate.wait)) for _ in range(2))
        await asyncio.sleep(0.05)
        with pytest.raises(Overloaded) as caught:
            await pool.run(gate.wait)
        assert caught.value.retry_after_s == 1
        gate.set()
        assert [(await task).value for task in (first, second)] == [True, True]
        assert (await pool.run(lambda: "again")).value == "again"

    with pool_of(1, 1) as pool:
        asyncio.run(scenario(pool))


def test_late_work_is_given_up_but_keeps_its_place_until_it_ends() -> None:
    gate = threading.Event()

    async def scenario(pool: WorkerPool) -> None:
        with pytest.raises(DeadlineExceeded):
            await pool.run(gate.wait)
        with pytest.raises(Overloaded):
            await pool.run(lambda: None)
        gate.set()
        for _ in range(100):
            await asyncio.sleep(0.01)
            try:
                assert (await pool.run(lambda: "free")).value == "free"
            except Overloaded:
                continue
            return
        pytest.fail("the place never came back")

    with pool_of(1, 0, deadline_s=0.05) as pool:
        asyncio.run(scenario(pool))


def test_work_that_nobody_waits_for_is_not_begun() -> None:
    gate, ran = threading.Event(), []

    def noted(name: str) -> Callable[[], None]:
        return lambda: ran.append(name)

    async def scenario(pool: WorkerPool) -> None:
        blocking = asyncio.create_task(pool.run(lambda: gate.wait(5)))
        await asyncio.sleep(0.02)
        with pytest.raises(DeadlineExceeded):
            await pool.run(noted("late"))
        gate.set()
        with pytest.raises(DeadlineExceeded):
            await blocking

    with pool_of(1, 5, deadline_s=0.1) as pool:
        asyncio.run(scenario(pool))
    assert ran == []


@pytest.mark.parametrize("turns", range(8))
def test_a_call_that_is_cancelled_as_it_ends_is_cancelled(turns: int) -> None:
    """However many turns of the event loop lie between; else whoever cancels waits for its caller for ever."""

    async def scenario(pool: WorkerPool) -> None:
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[Done[str]] = loop.create_future()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(loop, "run_in_executor", lambda *_: ended)
            call = asyncio.create_task(pool.run(lambda: "never run"))
            await asyncio.sleep(0)
        ended.set_result(Done("in time", 0.0))
        for _ in range(turns):
            await asyncio.sleep(0)
        if call.cancel():
            with pytest.raises(asyncio.CancelledError):
                await call
        else:
            assert (await call).value == "in time"

    with pool_of(1, 0) as pool:
        asyncio.run(scenario(pool))


def test_places_are_given_back() -> None:
    places = Places(2, name="videos", retry_after_s=10)
    with places.take():
        with places.take():
            assert places.taken == 2
            with pytest.raises(Overloaded, match="All 2 places for videos are taken") as caught, places.take():
                pass
            assert (caught.value.limit, caught.value.retry_after_s) == (2, 10)
        with pytest.raises(KeyError), places.take():
            raise KeyError
        assert places.taken == 1
    assert places.taken == 0
