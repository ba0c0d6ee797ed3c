"""A task with a worker of its own, which ends with it: for work that is long, such as a video."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing

from ..problems import DeadlineExceeded, WorkerDied
from .channel import Header, Upload, pack
from .failures import Losses
from .process import Plan
from .worker import StartRefused, Worker

log = logging.getLogger("service.workers")


async def answers(plan: Plan, task: Header, upload: Upload, losses: Losses) -> AsyncGenerator[tuple[Header, bytes]]:
    """The answers to a task whose body is `upload`, each as soon as it is there. Closing the generator ends the worker.

    A worker that dies, is over its deadline or cannot be started is added to `losses`.

    Raises DeadlineExceeded, WorkerDied, WorkerFault, and what problem the worker answers with.
    """
    until = asyncio.get_running_loop().time() + plan.deadline_s
    size = upload.size
    inbox, inline = upload.parcel()
    try:
        worker = await Worker.start(plan, inbox)
    except StartRefused as error:
        losses.failed_starts += 1
        log.error("a worker could not be started: %s", error)
        raise WorkerDied("The worker for this task ended while it was loading; no other task was touched.") from error
    try:
        message = pack(task, inline) if inline else pack(task | {"inbox_bytes": size})
        async with aclosing(worker.answers(message, until)) as all_answers:
            async for answer in all_answers:
                yield answer
    except (WorkerDied, DeadlineExceeded):
        losses.ended_by[worker.end_reason] += 1
        raise
    finally:
        await worker.end()
