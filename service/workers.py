"""WorkerPool: a bounded queue in front of threads, so that pixels never touch the event loop."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

from .problems import DeadlineExceeded, Overloaded

T = TypeVar("T")


@dataclass(frozen=True)
class Done(Generic[T]):
    """A worker's answer and the milliseconds that it waited for a worker."""

    value: T
    queue_ms: float


class WorkerPool:
    """`threads` workers and at most `queue` calls that wait for one."""

    def __init__(self, *, threads: int, queue: int, deadline_s: float) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="worker")
        self._most = threads + queue
        self._deadline_s = deadline_s
        self._under_way = 0

    async def run(self, work: Callable[[], T]) -> Done[T]:
        """Run `work` in a worker thread.

        Raises Overloaded at once when the queue is full, DeadlineExceeded when no answer came in time;
        a place is free again only when its work has really ended, so late work cannot pile up.
        """
        if self._under_way >= self._most:
            raise Overloaded("All workers are busy and the queue is full; try again shortly.", retry_after_s=1)
        asked = time.perf_counter()
        abandoned = False

        def timed() -> Done[T]:
            if abandoned:
                raise asyncio.CancelledError
            queue_ms = (time.perf_counter() - asked) * 1000
            return Done(work(), queue_ms)

        self._under_way += 1
        future = asyncio.get_running_loop().run_in_executor(self._executor, timed)
        future.add_done_callback(self._free)
        try:
            async with asyncio.timeout(self._deadline_s):
                return await asyncio.shield(future)
        except TimeoutError as error:
            raise DeadlineExceeded(f"No answer within {self._deadline_s:g} s.", limit=self._deadline_s) from error
        finally:
            abandoned = True

    def _free(self, future: asyncio.Future[Done[T]]) -> None:
        self._under_way -= 1
        if not future.cancelled():
            future.exception()  # an abandoned call's error was nobody's to see

    def close(self) -> None:
        """Refuse what waits and wait for what runs."""
        self._executor.shutdown(wait=True, cancel_futures=True)
