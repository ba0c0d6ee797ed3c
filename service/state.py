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
from .schemas import ModelName, PredictOptions, model_name
from .settings import Settings
from .tracing import Tracer
from .workers.budget import Budget
from .workers.places import Places
from .workers.pool import WorkerPool
from .workers.process import Plan
from .workers.turns import Turns

AnyOptions = TypeVar("AnyOptions", bound=PredictOptions)


@dataclass
class State:
    """Made in the lifespan and nowhere else."""

    settings: Settings
    contract: Contract
    model_file: bytes
    """The ONNX file as it was read."""
    detectors: Searches
    """The detectors that the workers have."""
    pool: WorkerPool
    """The workers of images and of the frames of streams."""
    video_plan: Plan
    """What the worker of a video is made of."""
    streams: Places
    videos: Places
    batches: Places
    batch_room: Turns[int]
    """Numbers of the images of all batches that may be with the workers or in their queue at once."""
    metrics: Metrics
    budget: Budget
    """The memory for the bodies of all requests."""
    tracer: Tracer | None = None
    """None where no spans are asked for."""
    draining: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the service begins to stop."""

    def allowed(self, options: AnyOptions) -> AnyOptions:
        """The options of a request; a default above the settings' limit is lowered to it. Raises InvalidOption."""
        if "max_faces" not in options.model_fields_set:
            return options.model_copy(update={"max_faces": min(options.max_faces, self.settings.max_faces)})
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
        return model_name(self.contract)

    def check_max_faces(self, asked: int) -> None:
        """Raises InvalidOption for more faces than the settings allow."""
        if asked > self.settings.max_faces:
            limit = self.settings.max_faces
            raise InvalidOption(f"max_faces is {asked}; at most {limit} faces are analysed.", limit=limit)


def get_state(connection: HTTPConnection) -> State:
    """The same for HTTP and WebSocket."""
    state: State = connection.state.service
    return state


StateDep = Annotated[State, Depends(get_state)]
