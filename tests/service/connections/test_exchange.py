"""In which pieces an answer is sent."""

import asyncio
import logging
from types import SimpleNamespace
from typing import Any, cast

import pytest
from uvicorn.protocols.http.flow_control import FlowControl

from service.connections.exchange import Exchange

SIZED = [(b"content-type", b"text/plain"), (b"content-length", b"4")]
START = {"type": "http.response.start", "status": 200, "headers": SIZED}
BODY = {"type": "http.response.body", "body": b"body"}


class Client:
    """Stands for the connection: the pieces that were written to it, and whether it was ended."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.ended = False
        self.transport = SimpleNamespace(writelines=self._writelines, is_closing=lambda: False)

    def _writelines(self, lines: list[bytes]) -> None:
        self.pieces.append(b"".join(lines))

    def end(self) -> None:
        self.ended = True


async def sent(client: Client, *messages: dict[str, Any], method: str = "GET", keep_alive: bool = True) -> list[bytes]:
    """The pieces after these messages of the application."""
    flow = FlowControl(cast(Any, client.transport))
    exchange = Exchange(
        cast(Any, client),
        0,
        scope=cast(Any, {"type": "http", "method": method}),
        flow=flow,
        logger=logging.getLogger(),
        access_logger=logging.getLogger(),
        access_log=False,
        default_headers=[],
        message_event=asyncio.Event(),
        expect_100_continue=False,
        keep_alive=keep_alive,
        on_response=lambda: None,
    )
    exchange.more_body = False
    for message in messages:
        await exchange.send(message)
    return client.pieces


def test_the_headers_of_a_body_of_known_size_are_sent_with_it() -> None:
    (piece,) = asyncio.run(sent(Client(), START, BODY))
    assert piece.startswith(b"HTTP/1.1 200 OK\r\n")
    assert piece.endswith(b"\r\n\r\nbody")


def test_the_headers_of_a_body_that_is_still_being_made_are_sent_at_once() -> None:
    (piece,) = asyncio.run(sent(Client(), {**START, "headers": SIZED[:1]}))
    assert b"transfer-encoding: chunked" in piece


def test_the_further_parts_of_a_body_are_sent_at_once() -> None:
    half = {**BODY, "body": b"bo", "more_body": True}
    first, second = asyncio.run(sent(Client(), START, half, {**half, "more_body": False}))
    assert first.endswith(b"\r\n\r\nbo")
    assert second == b"bo"


@pytest.mark.parametrize("keep_alive", [True, False])
def test_the_answer_to_head_has_headers_alone(keep_alive: bool) -> None:
    client = Client()
    (piece,) = asyncio.run(sent(client, START, BODY, method="HEAD", keep_alive=keep_alive))
    assert piece.endswith(b"\r\n\r\n")
    assert client.ended is not keep_alive
