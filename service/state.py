"""State: the objects that live as long as the service runs, and the dependency that gives them to routes."""

import asyncio
from dataclasses import dataclass, field
from typing import Annotated, TypeVar

from fastapi import Depends
from starlette.requests import HTTPConnection

from .classifier import Contract
from .detectors.available import Searches
from .metrics import Metrics
from .problems import InvalidOption
from .record import Record
from .request_log import log_request
from .schemas import ModelName, PredictOptions
from .serving import Serving
from .settings import Settings
from .tracing import Tracer
from .workers.budget import Budget
from .workers.failures import Losses
from .workers.places import Places
from .workers.pool import WorkerPool
from .workers.process import Plan
from .workers.turns import Turns
from .workers.worker import all_ended

AnyOptions = TypeVar("AnyOptions", bound=PredictOptions)


@dataclass
class State:
    """Made in the lifespan and nowhere else."""

    settings: Settings
    serving: Serving
    """The model and its workers: another one after the file was replaced."""
    streams: Places
    videos: Places
    batches: Places
    batch_room: Turns[int]
    """Numbers of the images of all batches that may be with the workers or in their queue at once."""
    metrics: Metrics
    budget: Budget
    """The memory for the bodies of all requests."""
    video_losses: Losses
    """Workers of videos that ended before they should."""
    tracer: Tracer | None = None
    """None where no spans are asked for."""
    draining: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the service begins to stop."""
    reload: asyncio.Event = field(default_factory=asyncio.Event)
    """Set to read the model file and the keys again."""
    retiring: dict[asyncio.Task[None], WorkerPool] = field(default_factory=dict)
    """Workers of replaced models that end once they have answered."""

    @property
    def contract(self) -> Contract:
        return self.serving.contract

    @property
    def model_file(self) -> bytes:
        return self.serving.model_file

    @property
    def detectors(self) -> Searches:
        return self.serving.detectors

    @property
    def pool(self) -> WorkerPool:
        return self.serving.pool

    @property
    def video_plan(self) -> Plan:
        return self.serving.video_plan

    def retire(self, pool: WorkerPool) -> None:
        """End the workers of a model that was replaced, once what they do is done."""
        task = asyncio.create_task(pool.retire())
        self.retiring[task] = pool
        task.add_done_callback(self.retiring.pop)

    async def close(self) -> None:
        """End all workers."""
        pools = [self.pool, *self.retiring.values()]
        # Not cancelled: they end as soon as their pools are closed, and may be closing them now.
        await asyncio.gather(*(pool.close() for pool in pools), *self.retiring)
        await all_ended()

    def allowed(self, options: AnyOptions) -> AnyOptions:
        """The options of a request; a default above the settings' limit is lowered to it. Raises InvalidOption."""
        if options.max_faces <= self.settings.max_faces:
            return options
        if "max_faces" not in options.model_fields_set:
            return options.model_copy(update={"max_faces": self.settings.max_faces})
        self.check_max_faces(options.max_faces)
        return options

    def keep_record(self, record: Record) -> None:
        """Count, trace and log a request or session that has ended."""
        if self.tracer is not None:
            self.tracer.add(record)
        self.metrics.count_request(record)
        log_request(record)

    @property
    def model_name(self) -> ModelName:
        return self.serving.model_name

    def check_max_faces(self, asked: int) -> None:
        """Raises InvalidOption for more faces than the settings allow."""
        if asked > self.settings.max_faces:
            limit = self.settings.max_faces
            raise InvalidOption(f"max_faces is {asked}; at most {limit} faces are analysed.", limit=limit)


async def get_state(connection: HTTPConnection) -> State:
    """The same for HTTP and WebSocket. Not a plain function: FastAPI would call it in a thread, for each request."""
    state: State = connection.state.service
    return state


StateDep = Annotated[State, Depends(get_state)]
