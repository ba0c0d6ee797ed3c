"""The start as a person sees it in the log."""

import asyncio
import logging

import pytest
from starlette.types import Message, Receive, Scope, Send

from service.classifier import ModelError
from service.server import Start


async def no_message() -> Message:
    raise AssertionError("nothing is read")


def run(start: Start, kind: str = "lifespan") -> list[str]:
    """The types of the messages that an application sends."""
    sent: list[str] = []

    async def send(message: Message) -> None:
        sent.append(message["type"])

    asyncio.run(start({"type": kind}, no_message, send))
    return sent


def is_shown(start: Start) -> bool:
    return start.filter(logging.makeLogRecord({}))


def test_uvicorns_lines_appear_once_the_start_is_done() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "lifespan.startup.complete"})

    start = Start(app)
    assert not is_shown(start)
    assert run(start) == ["lifespan.startup.complete"]
    assert is_shown(start)


@pytest.mark.parametrize(
    ("error", "lines"),
    [(ModelError("it has no labels"), ["model refused: it has no labels"]), (OSError("x"), ["the start failed"])],
)
def test_a_refused_model_is_one_line_and_any_other_error_a_traceback(
    caplog: pytest.LogCaptureFixture, error: Exception, lines: list[str]
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise error

    start = Start(app)
    with pytest.raises(type(error)):
        run(start)
    assert [record.getMessage() for record in caplog.records if record.name == "service"] == lines
    assert not is_shown(start)


def test_other_than_the_start_passes_through() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": scope["type"]})

    assert run(Start(app), "http") == ["http"]
