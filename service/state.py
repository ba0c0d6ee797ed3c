"""What is alive while the service runs, and the one dependency that hands it to routes."""

import asyncio
import uuid
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from .analysis import Analyzer
from .classifier import Contract
from .problems import InvalidOption
from .settings import Settings
from .workers import WorkerPool


@dataclass
class Context:
    """Made in the lifespan and nowhere else."""

    settings: Settings
    contract: Contract
    model_file: bytes
    analyzer: Analyzer
    pool: WorkerPool
    draining: asyncio.Event = field(default_factory=asyncio.Event)
    streams: int = 0
    videos: int = 0

    def check_max_faces(self, asked: int) -> None:
        """Raises InvalidOption for more faces than the settings allow."""
        if asked > self.settings.max_faces:
            limit = self.settings.max_faces
            raise InvalidOption(f"max_faces is {asked}; at most {limit} faces are looked at.", limit=limit)


def get_context(connection: HTTPConnection) -> Context:
    """The same for HTTP and WebSocket."""
    context: Context = connection.state.context
    return context


def new_id() -> str:
    return uuid.uuid4().hex


Alive = Annotated[Context, Depends(get_context)]
