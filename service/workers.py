"""What is bounded: the queue in front of the worker threads, and the places for streams and videos."""

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from .problems import DeadlineExceeded, Overloaded

T = TypeVar("T")


@dataclass(frozen=True)
class Done(Generic[T]):
    """The result of a call, and the milliseconds that the call waited for a worker."""

    value: T
    queue_ms: float


class Places:
    """At most `most` streams, or videos, at once. For the event loop's thread."""

    def __init__(self, most: int, *, name: str, retry_after_s: int) -> None:
        self._most, self._name, self._retry_after_s = most, name, retry_after_s
        self.taken = 0

    @contextmanager
    def take(self) -> Iterator[None]:
        """One place, until the block ends. Raises Overloaded where none is free."""
        if self.taken >= self._most:
            raise Overloaded(
                f"All {self._most} places for {self._name} are taken; try again later.",
                limit=self._most,
                retry_after_s=self._retry_after_s,
            )
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1


class WorkerPool:
    """`threads` worker threads, and at most `queue` calls that wait for one: the event loop never computes."""

    def __init__(self, *, threads: int, queue: int, deadline_s: float) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="worker")
        self._most = threads + queue
        self._deadline_s = deadline_s
        self._running = 0

    async def run(self, work: Callable[[], T]) -> Done[T]:
        """Run `work` in a worker thread.

        Raises Overloaded at once when the queue is full, and DeadlineExceeded when there is no result in time.
        Late work keeps its place until it has ended, so it cannot pile up.
        """
        if self._running >= self._most:
            raise Overloaded("All workers are busy and the queue is full; try again shortly.", retry_after_s=1)
        asked = time.perf_counter()
        abandoned = False

        def timed() -> Done[T]:
            if abandoned:
                raise asyncio.CancelledError
            queue_ms = (time.perf_counter() - asked) * 1000
            return Done(work(), queue_ms)

        self._running += 1
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
        self._running -= 1
        if not future.cancelled():
            future.exception()  # asyncio would log the error of an abandoned call as never retrieved

    def close(self) -> None:
        """Cancel the calls that wait, and wait for those that run."""
        self._executor.shutdown(wait=True, cancel_futures=True)
