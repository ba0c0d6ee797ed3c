"""Config: what every connection of the service shares."""

from typing import Any

import uvicorn

from ..settings import Settings
from .registry import Connections


class Config(uvicorn.Config):
    """uvicorn's configuration, the service's limits, and the register of open connections."""

    def __init__(self, app: Any, *, connections: Connections, settings: Settings, **options: Any) -> None:
        super().__init__(app, **options)
        self.connections, self.settings = connections, settings
