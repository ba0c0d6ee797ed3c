"""Videos sent to POST /v1/predict/video in the test's own process."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx2 import Response
from starlette.types import Message

from service import images
from service.app import create_app
from service.images import Grey
from service.settings import Settings
from tests.service.clips import encode, steady

URL = "/v1/predict/video"


def portrait(photo: bytes, *, turns: int = 0) -> bytes:
    """Two seconds of a face, turned counter-clockwise by so many quarters."""
    grey = np.rot90(images.decode(photo, max_pixels=2**20).grey, turns)
    return encode([(time_s, np.ascontiguousarray(grey)) for time_s in steady(2, fps=5)], size_wh=(512, 512))


def plain(grey: int) -> Grey:
    return np.full((48, 64), grey, np.uint8)


@contextmanager
def limited(settings: Settings, **changes: Any) -> Iterator[TestClient]:
    with TestClient(create_app(settings.model_copy(update=changes))) as client:
        yield client


def lines(response: Response) -> list[dict[str, Any]]:
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in response.text.splitlines()]


def ask(client: TestClient, body: bytes, **options: Any) -> list[dict[str, Any]]:
    """The lines about a video whose pictures are faces already."""
    return lines(client.post(URL, content=body, params={"crop": "whole", **options}))


class Caller:
    """Asks an application in the same event loop, so that a test holds both ends; `lines` are what came."""

    def __init__(self, app: FastAPI, body: bytes, query: str) -> None:
        self._app, self._body, self._query = app, body, query
        self._left = asyncio.Event()
        self._asked = False
        self.status = 0
        self.lines: list[dict[str, Any]] = []

    async def run(self, on_line: Callable[["Caller"], Awaitable[None]]) -> None:
        """Until the answer ends; `on_line` is awaited before the next line is taken."""

        async def receive() -> Message:
            if not self._asked:
                self._asked = True
                return {"type": "http.request", "body": self._body}
            await self._left.wait()
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.status = message["status"]
            elif message["body"]:
                self.lines.append(json.loads(message["body"]))
                await on_line(self)

        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": "POST",
            "path": URL,
            "raw_path": URL.encode(),
            "root_path": "",
            "scheme": "http",
            "query_string": self._query.encode(),
            "headers": [],
            "state": {"service": self._app.state.service},
        }
        await self._app(scope, receive, send)

    def leave(self) -> None:
        self._left.set()


async def soon(holds: Callable[[], bool]) -> bool:
    """Whether it holds within half a minute."""
    for _ in range(3000):
        if holds():
            return True
        await asyncio.sleep(0.01)
    return False
