"""Clients that break rules: after each the program checks that a good client is answered."""

import json
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress

from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode

from tests.conformance.client import PATIENCE_S, PHOTO, Service, Session, end
from tests.conformance.rules.base import (
    HELD_UP_S,
    LONGEST_S,
    MOST_MESSAGES,
    MOST_SESSIONS,
    MOST_UNREAD,
    Rules,
    answers_a_good_client,
    equal,
    within,
)

rule = Rules()


@rule("a connection dropped in the middle of a frame, or of a fragmented message, harms no other client")
def _(service: Service) -> None:
    whole = Frame(Opcode.BINARY, PHOTO).serialize(mask=True)
    fragment = Frame(Opcode.BINARY, PHOTO[:1000], fin=False).serialize(mask=True)
    for part in (whole[: len(whole) // 2], whole[:3], fragment):
        session = service.session()
        session.socket.socket.sendall(part)
        session.socket.socket.close()


@rule("a client that goes on ignoring credits is closed with 4429")
def _(service: Service) -> None:
    _closes_in_the_end(service, lambda session: session.send_frame(b"junk", 1))


@rule("a client that goes on with messages in error is closed with 4429")
def _(service: Service) -> None:
    _closes_in_the_end(service, lambda session: session.send("session.update", explain="lime"))


def _closes_in_the_end(service: Service, misbehave: Callable[[Session], None]) -> None:
    most = service.limits["stream_abuse"]
    within(most, MOST_MESSAGES, "stream_abuse")
    with service.session() as session:
        with suppress(ConnectionClosed):
            # Twice as many: the count may begin anew on the way.
            for _ in range(2 * (most + session.created["credits"]) + 1):
                misbehave(session)
        received, code = session.end()
        equal(code, 4429, "the close code")
        equal(received[-1]["type"], "session.closed", "the last message")


@rule("a client that never reads is disconnected")
def _(service: Service) -> None:
    within(service.limits["stream_send_s"], LONGEST_S, "stream_send_s")
    # Wrong in many ways, so that the answers are long.
    wrong = json.dumps({"type": "session.update", **{f"x{number}": 1 for number in range(300)}})
    message = Frame(Opcode.TEXT, wrong.encode()).serialize(mask=True)
    until = time.monotonic() + service.limits["stream_send_s"] + 2 * PATIENCE_S
    sent = 0
    with service.unread() as plain:
        plain.settimeout(1.0)
        while time.monotonic() < until:
            try:
                sent += plain.send(message[sent % len(message) :])
            except TimeoutError:
                continue
            except OSError:
                return
    raise AssertionError("it still has its connection")


@rule("a client that sends pings and never reads is not read without end")
def _(service: Service) -> None:
    pings = Frame(Opcode.PING, bytes(125)).serialize(mask=True) * 100
    sent = 0
    with service.unread() as plain:
        plain.settimeout(HELD_UP_S)
        # Held up, or let go.
        with suppress(OSError):
            while sent < MOST_UNREAD:
                sent += plain.send(pings[sent % len(pings) :])
    assert sent < MOST_UNREAD, f"{sent} bytes were read, and their pongs are kept"


@rule("max_streams sessions are created, one more is closed with 1013, and there is a place when one has ended")
def _(service: Service) -> None:
    # Where clients have shares of the places, this one cannot have all.
    limits = service.limits
    most = limits["client_streams"] if "client_streams" in limits else limits["max_streams"]
    within(most, MOST_SESSIONS, "max_streams")
    until = time.monotonic() + PATIENCE_S
    with ExitStack() as stack:
        sessions: list[Session] = []
        while len(sessions) < most:
            try:
                sessions.append(stack.enter_context(service.session()))
            except ConnectionClosed:
                # Those before may only just be ending.
                assert time.monotonic() < until, f"only {len(sessions)} sessions are created"
                time.sleep(0.2)
        with service.connect() as socket:
            equal(end(socket), ([], 1013), "what is sent to one more, and the close code,")
        sessions[0].send("session.close")
        sessions[0].end()
        answers_a_good_client(service)
