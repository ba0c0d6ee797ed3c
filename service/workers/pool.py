"""WorkerPool: a bounded queue in front of processes that can be killed."""

import asyncio
import logging
import sys
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar, cast, get_args

from .. import clients, record
from .channel import Header, Inbox
from .failures import Failures
from .process import Plan
from .shares import Shares
from .turns import Turns
from .worker import EndReason, StartRefused, Worker, too_late

log = logging.getLogger("service.workers")

# Seconds between two tries to start a worker where starting fails, so that a full machine is not filled further.
_PAUSE_S = 0.5
_ENDED: dict[EndReason, str] = {
    "died": "has died",
    "deadline": "was over its deadline",
    "malformed": "gave an answer that made no sense",
}
# So many failures for each worker within so many seconds are a loop of deaths.
_FAILURES_PER_WORKER, _FAILURES_WITHIN_S = 3, 30.0

# A place in the queue is kept for so long for a task whose body is still arriving.
_KEPT_S = 0.5
# Between two looks whether a pool that is to end has answered all.
_LOOK_S = 0.1

T = TypeVar("T")


class KeptPlace:
    """A place in the queue for a task whose body is arriving: until it runs, is left, or has been kept for _KEPT_S.

    Raises Overloaded where there is none for this client.
    """

    def __init__(self, shares: Shares, client: str) -> None:
        shares.take(client)
        self._shares, self._client = shares, client
        self._is_kept = True
        self._end = asyncio.get_running_loop().call_later(_KEPT_S, self.leave)

    def pass_on(self, *pool: Shares) -> Shares | None:
        """Of which of the pool's `Shares` the place is, where it is still kept; it is then the caller's from now on.

        While the body arrived, the workers may have been replaced, and their queue with them.
        """
        if self._shares not in pool:
            self.leave()
            return None
        return self._shares if self._end_keeping() else None

    def leave(self) -> None:
        if self._end_keeping():
            self._shares.give_back(self._client)

    def _end_keeping(self) -> bool:
        kept, self._is_kept = self._is_kept, False
        self._end.cancel()
        return kept


@dataclass(frozen=True)
class Answer:
    """A worker's answer, and the milliseconds that its task waited for a worker."""

    header: Header
    payload: bytes
    queue_ms: float

    def timing_ms(self, started: float) -> dict[str, float]:
        """Milliseconds by stage as a Result has them; `started` is perf_counter's when the body was there."""
        total_ms = (time.perf_counter() - started) * 1000
        return {"queue": self.queue_ms, **self.header["timing_ms"], "total": total_ms}


@dataclass(frozen=True)
class Chosen:
    """A task, its body, and perf_counter's time since when they were there."""

    task: Header
    body: bytes
    since: float


class WorkerPool:
    """`workers` processes made by `plan`, and at most `queue` tasks that wait for one of them, shared among clients.

    A task that is over its deadline is ended by killing its worker; a worker that dies costs its own task alone. Either
    is replaced; `replaced_by` counts them by reason, `failed_starts` those that could not be started.
    """

    def __init__(self, plan: Plan, *, workers: int, queue: int, inbox_bytes: int) -> None:
        self._plan, self._inbox_bytes = plan, inbox_bytes
        self.configured, self.waiting = workers, 0
        self._shares = Shares(
            workers + queue,
            of="the workers and the queue",
            full="All workers are busy and the queue is full; try again shortly.",
            retry_after_s=1,
        )
        # Their number is limited by those who have them.
        self._beyond = Shares(sys.maxsize, of="", full="", retry_after_s=1)
        self._turns: Turns[Worker] = Turns()
        self._running: set[Worker] = set()
        self._chores: set[asyncio.Task[Any]] = set()
        self._closing = False
        self.about: Header = {}
        self.replaced_by: dict[EndReason, int] = dict.fromkeys(get_args(EndReason), 0)
        self.failed_starts = 0
        self._failures = Failures(_FAILURES_PER_WORKER * workers, within_s=_FAILURES_WITHIN_S)

    async def start(self) -> None:
        """Start all workers and wait until they can answer. Raises StartRefused where one cannot load."""
        starts = [asyncio.create_task(self._start_one()) for _ in range(self.configured)]
        try:
            await asyncio.wait(starts)
        except asyncio.CancelledError:
            # A worker cannot be ended while it starts.
            await asyncio.wait(starts)
            await self.close()
            raise
        refusals = [error for start in starts if (error := start.exception())]
        if refusals:
            await self.close()
            raise refusals[0]
        for start in starts:
            self._turns.add(start.result())
            self.about = start.result().about

    @property
    def idle(self) -> int:
        return self._turns.free

    @property
    def alive(self) -> int:
        """Workers that can take a task, or have one."""
        return sum(worker.is_running for worker in self._running)

    @property
    def is_ready(self) -> bool:
        """True where a task would soon be answered: a worker is there, and they do not die as soon as they start.

        What dies at work does not count, or one client with bad files could make the whole service unready.
        """
        return self.alive > 0 and not self._failures.are_too_many

    @property
    def replaced(self) -> int:
        return sum(self.replaced_by.values())

    def keep_place(self, *, beyond: bool = False) -> KeptPlace:
        """A place for `run`, before the task's body is read. Raises Overloaded as `run` does.

        `beyond`: also where the queue is full, for tasks that were accepted before and whose number is limited.
        """
        return KeptPlace(self._beyond if beyond else self._shares, clients.current())

    async def run(self, task: Header, body: bytes, place: KeptPlace | None = None) -> Answer:
        """A task done by the next worker that is free for its client (see `Turns`), in its kept `place` if it has one.

        Raises as `run_chosen`.
        """
        chosen = Chosen(task, body, time.perf_counter())
        return cast(Answer, await self.run_chosen(lambda: chosen, place))

    async def run_chosen(self, choose: Callable[[], Chosen | None], place: KeptPlace | None = None) -> Answer | None:
        """As `run`, for a task that is chosen once a worker is free; None where `choose` gives none then.

        The task's header gets `threads`: all cores for a task that is alone, else one.

        Raises Overloaded at once when the queue is full or the client has its share of it, DeadlineExceeded when no
        answer came in time, WorkerDied when the worker ended, WorkerFault for an error of ours, and what problem the
        worker answers with.
        """
        client = clients.current()
        shares = None if place is None else place.pass_on(self._shares, self._beyond)
        if shares is None:
            shares = self._shares
            shares.take(client)
        asked = time.perf_counter()
        until = asyncio.get_running_loop().time() + self._plan.deadline_s
        self.waiting += 1
        try:
            worker = await self._next_idle(client, until)
        except BaseException as error:
            shares.give_back(client)
            if isinstance(error, TimeoutError):
                raise too_late(self._plan) from error
            raise
        finally:
            self.waiting -= 1
        threads = self.configured if self._shares.taken + self._beyond.taken == 1 else 1
        free = partial(self._free, client, worker, shares)
        chosen = None
        try:
            chosen = choose()
        finally:
            if chosen is None:
                free()
        if chosen is None:
            return None
        asked = max(asked, chosen.since)
        queue_ms = (time.perf_counter() - asked) * 1000
        # In a task of its own: if the client leaves, the worker still finishes, and is free again.
        talk = self._chore(self._talk(worker, chosen.task | {"threads": threads}, chosen.body, until, free))
        answer = Answer(*await asyncio.shield(talk), queue_ms)
        record.add_image(answer.header, queue=queue_ms, total=(time.perf_counter() - asked) * 1000)
        return answer

    async def retire(self) -> None:
        """As `close`, once all tasks that were given to it are done, which their deadline sees to."""
        while self._shares.taken + self._beyond.taken and not self._closing:
            await asyncio.sleep(_LOOK_S)
        await self.close()

    async def close(self) -> None:
        """End all workers, whatever they do; what waited for an answer of theirs gets WorkerDied."""
        workers = [] if self._closing else list(self._running)
        self._closing = True
        await asyncio.gather(*(worker.end() for worker in workers))
        while self._chores:
            await asyncio.wait(self._chores)

    async def _next_idle(self, client: str, until: float) -> Worker:
        """Raises TimeoutError."""
        while True:
            worker = self._turns.take(client)
            if worker is None:
                async with asyncio.timeout_at(until):
                    worker = await self._turns.next(client)
            if worker.is_running:
                return worker
            self._turns.done(client)

    async def _talk(
        self, worker: Worker, task: Header, body: bytes, until: float, free: Callable[[], None]
    ) -> tuple[Header, bytes]:
        """A task and its answer; afterwards the worker, or another in its place, is `free`."""
        try:
            return await worker.ask(task, body, until)
        finally:
            free()

    def _free(self, client: str, worker: Worker, shares: Shares) -> None:
        """The client needs the worker no longer, nor its place in `shares`."""
        shares.give_back(client)
        self._turns.done(client)
        if worker.is_running:
            self._turns.add(worker)
        else:
            self._replace(worker)

    def _on_death(self, worker: Worker) -> None:
        if not worker.is_at_work:
            self._failures.add()
        self._replace(worker)

    def _replace(self, worker: Worker) -> None:
        if self._closing or worker not in self._running:
            return
        self.replaced_by[worker.end_reason] += 1
        log.warning("a worker %s, and another takes its place", _ENDED[worker.end_reason])
        self._running.remove(worker)
        self._chore(worker.end())
        self._chore(self._start_again())

    async def _start_again(self) -> None:
        while not self._closing:
            if self._failures.are_too_many:
                await asyncio.sleep(_PAUSE_S)
            try:
                worker = await self._start_one()
            except (StartRefused, OSError) as error:
                self.failed_starts += 1
                self._failures.add()
                log.error("a worker could not be started: %s", error)
                await asyncio.sleep(_PAUSE_S)
                continue
            if self._closing:
                await worker.end()
            else:
                self._turns.add(worker)
            return

    async def _start_one(self) -> Worker:
        worker = await Worker.start(self._plan, Inbox(self._inbox_bytes))
        self._running.add(worker)
        worker.when_it_dies(self._on_death)
        return worker

    def _chore(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """A task that goes on where its caller is cancelled. Its exception is retrieved, or asyncio would log it."""
        chore = asyncio.create_task(work)
        self._chores.add(chore)
        chore.add_done_callback(self._chores.discard)
        chore.add_done_callback(lambda done: done.cancelled() or done.exception())
        return chore
