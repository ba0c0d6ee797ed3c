"""State: the objects that live as long as the service runs, and the dependency that gives them to routes."""

import asyncio
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import Depends
from starlette.requests import HTTPConnection

from .analysis import Analyzer
from .classifier import Contract
from .problems import InvalidOption
from .settings import Settings
from .workers import Places, WorkerPool


@dataclass
class State:
    """Made in the lifespan and nowhere else."""

    settings: Settings
    contract: Contract
    model_file: bytes
    """The ONNX file as it was read."""
    detector: dict[str, Any]
    """How the detector searches."""
    analyzer: Analyzer
    pool: WorkerPool
    streams: Places
    videos: Places
    draining: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the service begins to stop."""

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
