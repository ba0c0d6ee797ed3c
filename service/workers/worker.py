"""Worker: one process that can be killed, and the talk with it."""

import asyncio
import multiprocessing
import socket
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import suppress
from multiprocessing.context import ForkServerProcess
from multiprocessing.forkserver import ensure_running
from typing import Any, Literal, TypeVar

from ..problems import DeadlineExceeded, WorkerDied, problem_from_wire
from .channel import Header, Inbox, Malformed, pack, receive
from .process import Plan, main

_context = multiprocessing.get_context("forkserver")
# multiprocessing's list of its processes is not made for two threads at once.
_starting = threading.Lock()
# The event loop alone would not keep a task from being collected.
_background: set[asyncio.Task[Any]] = set()

T = TypeVar("T")

EndReason = Literal["died", "deadline", "malformed"]
"""Why a worker has to be replaced: its process ended, its task was over its deadline, or no answer of it can be trusted
because one made no sense."""


def start_fork_server() -> None:
    """Start the process that workers are forked from, where it does not run yet. Returns at once.

    It loads what workers share, which takes longest at the start of the service, while the service itself goes on.
    """
    root = __package__.rpartition(".")[0]
    _context.set_forkserver_preload([f"{root}.tasks", f"{root}.video.analysis"])
    ensure_running()


class WorkerFault(Exception):
    """A worker met an error that is ours; the text is its traceback."""


class StartRefused(Exception):
    """A worker could not load what it needs; the message says why."""


class Worker:
    """A process that was started by `start`, is asked one task at a time, and is ended by `end`.

    `about` is what it says of what it has loaded. `is_running` is False once it has ended, or has to be ended.
    """

    def __init__(
        self,
        plan: Plan,
        process: ForkServerProcess,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        inbox: Inbox,
    ) -> None:
        self._plan, self._process, self._reader, self._writer, self._inbox = plan, process, reader, writer, inbox
        self.about: Header = {}
        self.is_running = True
        self.is_at_work = False
        self.end_reason: EndReason = "died"

    @classmethod
    async def start(cls, plan: Plan, inbox: Inbox) -> "Worker":
        """A worker that is ready. Closes `inbox` in the end. Raises StartRefused."""
        starting = _in_background(cls._start(plan, inbox))
        try:
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            starting.add_done_callback(_end_unwanted)
            raise

    @classmethod
    async def _start(cls, plan: Plan, inbox: Inbox) -> "Worker":
        ours, theirs = socket.socketpair()
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        process = _context.Process(target=main, args=(theirs, inbox, plan), daemon=True)
        await asyncio.to_thread(_start_process, process, theirs)
        worker = cls(plan, process, reader, writer, inbox)
        try:
            header, _ = await receive(reader, plan.most_answer_bytes)
        except (asyncio.IncompleteReadError, OSError):
            header = {"refused": "it ended while it was loading"}
        except Malformed as error:
            header = {"refused": f"it said of what it has loaded: {error}"}
        if "refused" in header:
            await worker.end()
            raise StartRefused(header["refused"])
        worker.about = header["about"]
        return worker

    def when_it_dies(self, tell: "Callable[[Worker], None]") -> None:
        """Call `tell` as soon as the process has ended by itself, also where it waits for a task.

        Not where its task was told so first: who asked knows already.
        """

        def died() -> None:
            is_news = self.is_running
            self._forget_sentinel()
            if is_news:
                tell(self)

        asyncio.get_running_loop().add_reader(self._process.sentinel, died)

    def _forget_sentinel(self) -> None:
        self.is_running = False
        asyncio.get_running_loop().remove_reader(self._process.sentinel)

    async def ask(self, task: Header, body: bytes, until: float) -> tuple[Header, bytes]:
        """The one answer to a task, by the event loop's time `until`.

        Raises DeadlineExceeded and WorkerDied, after which the worker has to be ended, WorkerFault, and what problem
        the worker answers with.
        """
        shared = self._inbox.takes(len(body))
        self.is_at_work = True
        if shared:
            self._inbox.write(body)
        try:
            message = pack(task | {"inbox_bytes": len(body)}) if shared else pack(task, body)
            return await self._answer(message, until)
        finally:
            self.is_at_work = False
            if shared:
                self._inbox.forget(len(body))

    async def answers(self, message: bytes, until: float) -> AsyncGenerator[tuple[Header, bytes]]:
        """All answers to a packed task, each as soon as it is there. Raises as `ask`."""
        answer = await self._answer(message, until)
        while not answer[0].get("last"):
            yield answer
            answer = await self._answer(b"", until)
        yield answer

    async def _answer(self, message: bytes, until: float) -> tuple[Header, bytes]:
        try:
            async with asyncio.timeout_at(until):
                self._writer.write(message)
                await self._writer.drain()
                header, payload = await receive(self._reader, self._plan.most_answer_bytes)
            problem = problem_from_wire(header["problem"]) if "problem" in header else None
        except BaseException as error:
            self.is_running = False
            if isinstance(error, TimeoutError):
                self.end_reason = "deadline"
                raise too_late(self._plan) from error
            if isinstance(error, asyncio.IncompleteReadError | OSError):
                raise WorkerDied("The worker that had this task ended; no other task was touched.") from error
            if isinstance(error, Malformed | ValueError):
                self.end_reason = "malformed"
                raise WorkerDied("The worker's answer to this task made no sense, so the worker was ended.") from error
            raise
        if problem is not None:
            raise problem
        if "trace" in header:
            raise WorkerFault(header["trace"])
        return header, payload

    async def end(self) -> None:
        """Kill the process and wait for its end. If this is cancelled, the rest is done in the background."""
        self._forget_sentinel()
        self._process.kill()
        await asyncio.shield(_in_background(self._clean_up()))

    async def _clean_up(self) -> None:
        await asyncio.to_thread(self._process.join)
        self._process.close()
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()
        self._inbox.close()


async def all_ended(within_s: float = 1.0) -> None:
    """Wait for workers that are being ended in the background, so that the event loop leaves no connection open."""
    loop = asyncio.get_running_loop()
    if under_way := [task for task in _background if task.get_loop() is loop]:
        await asyncio.wait(under_way, timeout=within_s)


def too_late(plan: Plan) -> DeadlineExceeded:
    """What a task over its deadline is answered."""
    return DeadlineExceeded(f"No answer within {plan.deadline_s:g} s.", limit=plan.deadline_s)


def _in_background(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """A task that goes on when its caller is cancelled, as the request of a client that has left is."""
    task = asyncio.create_task(work)
    _background.add(task)
    task.add_done_callback(_background.discard)
    return task


def _end_unwanted(starting: asyncio.Task[Worker]) -> None:
    if not starting.cancelled() and starting.exception() is None:
        _in_background(starting.result().end())


def _start_process(process: ForkServerProcess, its_end: socket.socket) -> None:
    """Blocks until the fork server has loaded what workers share, so not for the event loop."""
    with its_end, _starting:
        process.start()
