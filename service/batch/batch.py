"""Batch: files in while they arrive, an entry for each out, in order."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

from starlette.requests import ClientDisconnect

from .. import clients, schemas
from ..problems import BodyTooLarge, Problem, report
from ..state import State
from ..workers.budget import Reservation
from ..workers.channel import Header
from ..workers.pool import Answer
from .messages import error_entry, result_entry

# Entries that are ready and not sent, bytes: a client may send all its files before it reads its answers.
MOST_BYTES = 8 * 2**20


@dataclass(frozen=True)
class Job:
    """What is done with each file of a batch, and what its entries say of the request. `most_files` is its limit."""

    task: Header
    instance: str
    request_id: str
    most_files: int | None


class Batch:
    """An async context manager: it reads and analyses `files` until the block ends.

    The images of all batches that are with the workers or in their queue are few (`State.batch_room`), so that single
    requests find a place there; clients with batches take turns. No further file is read while there is no room, or
    while `MOST_BYTES` of entries wait to be sent.
    """

    def __init__(self, state: State, job: Job, files: AsyncGenerator[bytes | Problem], memory: Reservation) -> None:
        self._state, self._job, self._files, self._memory = state, job, files, memory
        self._entries: asyncio.Queue[asyncio.Task[bytes] | None] = asyncio.Queue()
        self._under_way: set[asyncio.Task[bytes]] = set()
        self._waiting_bytes = 0
        self._may_read, self._must_send = asyncio.Event(), asyncio.Event()
        self._may_read.set()
        self._is_read = False

    async def __aenter__(self) -> Self:
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tasks = [self._reading, *self._under_way]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        # Its exception has a traceback, and that the frames of who awaited it, with all that the client had sent.
        del self._reading

    @property
    def waits_for_client(self) -> bool:
        """True where nothing goes on until the client reads its answer."""
        return self._is_read or not self._may_read.is_set()

    async def until_sending(self) -> None:
        """Wait until all files are read, or no further one is before entries are taken."""
        await self._must_send.wait()

    async def entries(self) -> AsyncGenerator[bytes]:
        """Each entry as JSON. Raises ClientDisconnect."""
        while (entry := await self._entries.get()) is not None:
            content = await entry
            yield content
            self._count_waiting(-len(content))
        await self._reading

    async def _read(self) -> None:
        index = 0
        try:
            async with aclosing(self._files) as files:
                async for file in files:
                    if index == self._job.most_files:
                        raise _too_many(index)
                    await self._start(index, file)
                    index += 1
                    await self._may_read.wait()
        except ClientDisconnect:
            raise
        except Exception as error:
            await self._start(index, error)
        finally:
            self._is_read = True
            self._must_send.set()
            self._entries.put_nowait(None)

    async def _start(self, index: int, file: bytes | Exception) -> None:
        """Begin with the entry of a file as soon as it is this client's turn."""
        arrived, client, room = time.perf_counter(), clients.current(), self._state.batch_room
        place = await room.next(client)

        def end(entry: asyncio.Task[bytes]) -> None:
            self._under_way.discard(entry)
            if isinstance(file, bytes):
                self._memory.hold(max(0, self._memory.held - len(file)))
            room.done(client)
            room.add(place)

        entry = asyncio.create_task(self._entry(index, file, arrived))
        self._under_way.add(entry)
        entry.add_done_callback(end)
        self._entries.put_nowait(entry)

    async def _entry(self, index: int, file: bytes | Exception, arrived: float) -> bytes:
        try:
            if isinstance(file, Exception):
                raise file
            entry = result_entry(index, await self._result(file, arrived))
        except Exception as error:
            _, document = report(error, instance=self._job.instance, request_id=self._job.request_id)
            entry = error_entry(index, document)
        self._count_waiting(len(entry))
        return entry

    async def _result(self, image: bytes, arrived: float) -> bytes:
        answer, model = await self._answer(image, arrived)
        return schemas.result_json(answer.payload, self._job.request_id, model, answer.timing_ms(arrived))

    async def _answer(self, image: bytes, arrived: float) -> tuple[Answer, schemas.ModelName]:
        """A worker's answer, and which model it has.

        The image waits with single requests, also where they have filled the queue: the batch was accepted.
        """
        waited_s = time.perf_counter() - arrived
        # Another model may be served by the time of the answer.
        serving = self._state.serving
        answer = await serving.pool.run(self._job.task, image, serving.pool.keep_place(beyond=True))
        return replace(answer, queue_ms=answer.queue_ms + waited_s * 1000), serving.model_name

    def _count_waiting(self, size: int) -> None:
        self._waiting_bytes += size
        if self._waiting_bytes < MOST_BYTES:
            self._may_read.set()
        else:
            self._may_read.clear()
            self._must_send.set()


def _too_many(limit: int) -> BodyTooLarge:
    return BodyTooLarge(
        f"A batch has at most {limit:,} files, unless its answer is streamed (Accept: application/x-ndjson).",
        limit=limit,
    )
