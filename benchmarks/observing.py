"""python -m benchmarks.observing: what the record, the metrics and the log line of one request cost the service.

The same ASGI application with one analysed image is called with and without RecordMiddleware, in alternating rounds of
one run, so that whatever else the machine does meets both. The log goes as JSON into a pipe that another process reads,
as in a container. The real State is used; nothing is analysed. Processor time is measured, which other programs hardly
change.
"""

import argparse
import asyncio
import logging
import statistics
import subprocess
import time
from collections.abc import Sequence
from io import BufferedWriter, TextIOWrapper
from typing import cast

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service import record, request_log
from service.app import create_app, templates_of
from service.middleware import RecordMiddleware
from service.settings import Settings

_HEADER = {"timing_ms": {"decode": 1.9, "detect": 6.8, "infer": 1.3, "explain": 0.3}, "faces": 1}


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    """What the service does around one image, less the analysis."""
    await receive()
    record.add_image(_HEADER, queue=0.4, total=10.9)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"x" * 1000})


async def receive() -> Message:
    return {"type": "http.request", "body": b"x" * 30_000}


async def send(message: Message) -> None:
    pass


async def microseconds(app: ASGIApp, scope: Scope, requests: int) -> float:
    """Processor time of one request, the mean."""
    begun = time.thread_time()
    for _ in range(requests):
        await app({**scope, "state": dict(scope["state"])}, receive, send)
    return (time.thread_time() - begun) * 1e6 / requests


async def measure(rounds: int, requests: int) -> list[float]:
    """Microseconds that a request takes longer with its record, for each round."""
    app = create_app(Settings())
    async with app.router.lifespan_context(app) as state:
        recorded = RecordMiddleware(answer, templates_of(app))
        scope = {"type": "http", "method": "POST", "path": "/v1/predict", "headers": [], "state": dict(state or {})}
        for each in (answer, recorded):
            await microseconds(each, scope, requests)
        return [
            await microseconds(recorded, scope, requests) - await microseconds(answer, scope, requests)
            for _ in range(rounds)
        ]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--requests", type=int, default=1000, help="in each round")
    given = parser.parse_args(arguments)
    with (
        subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as reader,
        TextIOWrapper(cast(BufferedWriter, reader.stdin)) as log,
    ):
        request_log.configure("json", log)
        costs = sorted(asyncio.run(measure(given.rounds, given.requests)))
        logging.getLogger().handlers.clear()
    print(
        f"record, metrics and log line of a request: median {statistics.median(costs):.0f} us "
        f"(rounds from {costs[0]:.0f} to {costs[-1]:.0f} us)"
    )


if __name__ == "__main__":
    main()
