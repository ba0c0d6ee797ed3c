"""How sessions end."""

import time
from collections.abc import Callable
from contextlib import suppress

from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode

from tests.conformance.client import PATIENCE_S, PHOTO, Service, Session
from tests.conformance.rules.base import LONGEST_S, MOST_BYTES, Rules, equal, within

rule = Rules()


@rule("session.close is answered when all is answered: session.closed with counts, then 1000")
def _(service: Service) -> None:
    with service.session() as session:
        session.analyse(b"junk")
        session.send_frame(PHOTO)
        session.send("session.close")
        received, code = session.end()
        equal([message["type"] for message in received], ["result", "session.closed"], "what is sent")
        equal(received[1]["frames"], {"received": 2, "processed": 1, "dropped": 0, "errors": 1}, "frames")
        equal(code, 1000, "the close code")


def _ends(service: Service, send: Callable[[Session], object], code: int) -> None:
    """The last message is session.closed, then the close code."""
    with service.session() as session:
        send(session)
        received, closed = session.end()
        equal(closed, code, "the close code")
        equal([message["type"] for message in received], ["session.closed"], "what is sent")


@rule("text that is not JSON, an image in base64 as well, is closed with 1007")
def _(service: Service) -> None:
    for text in ("/9j/4AAQSkZJRg==", "{", "", '{"type": "session.update", "\\ud800": 1}', "[" * 4000):
        _ends(service, lambda session, text=text: session.socket.send(text), 1007)  # type: ignore[misc]


@rule("text that is not UTF-8 is closed with 1007, what is no WebSocket frame with 1002")
def _(service: Service) -> None:
    for wrong, code in (
        (Frame(Opcode.TEXT, b"\xff\xfe").serialize(mask=True), 1007),
        (Frame(Opcode.BINARY, PHOTO).serialize(mask=False), 1002),
        (b"\x83\x80" + bytes(4), 1002),
    ):
        with service.session() as session:
            session.socket.socket.sendall(wrong)
            equal(session.end(), ([], code), f"what is sent to {wrong[:2]!r}, and the close code,")


@rule("a client that closes the WebSocket itself gets its close code back")
def _(service: Service) -> None:
    with service.session() as session:
        session.socket.close(1000)
        assert session.socket.close_code == 1000, f"the close code is {session.socket.close_code}"


@rule("JSON that is no command is closed with 1003")
def _(service: Service) -> None:
    for text in ("[]", "1", "null", "{}", '{"type": "hello"}', '{"type": null}', '{"type": ["session.close"]}'):
        _ends(service, lambda session, text=text: session.socket.send(text), 1003)  # type: ignore[misc]


@rule("text longer than max_text_chars is closed with 1009")
def _(service: Service) -> None:
    with service.session() as session:
        session.socket.send('{"type": "session.update"}'.ljust(service.limits["max_text_chars"]))
        equal(session.receive()["type"], "session.updated", "the answer to text of max_text_chars")
    _ends(service, lambda session: session.socket.send(" " * (service.limits["max_text_chars"] + 1)), 1009)


@rule("a frame over max_frame_bytes is closed with 1009")
def _(service: Service) -> None:
    size = service.limits["max_frame_bytes"] + 1
    within(size, MOST_BYTES, "max_frame_bytes")
    _ends(service, lambda session: session.socket.send(bytes(size)), 1009)


@rule("a frame three times as large is closed with 1009 or cut off")
def _(service: Service) -> None:
    size = service.limits["max_frame_bytes"] * 3
    within(size, MOST_BYTES, "max_frame_bytes")
    with service.session() as session:
        with suppress(ConnectionClosed):
            session.socket.send(bytes(size))
        _, code = session.end()
        assert code in (1009, None), f"the close code is {code}"


@rule("a session without a message is closed with 4408, one with half a message as well")
def _(service: Service) -> None:
    within(service.limits["stream_idle_s"], LONGEST_S, "stream_idle_s")
    _ends(service, lambda session: None, 4408)
    half = Frame(Opcode.BINARY, PHOTO[:1000], fin=False).serialize(mask=True)
    _ends(service, lambda session: session.socket.socket.sendall(half), 4408)


@rule("a session is closed with 4409 after stream_session_s")
def _(service: Service) -> None:
    session_s, idle_s = service.limits["stream_session_s"], service.limits["stream_idle_s"]
    within(session_s, LONGEST_S, "stream_session_s")
    with service.session() as session:
        until = time.monotonic() + session_s + PATIENCE_S
        with suppress(ConnectionClosed):
            while time.monotonic() < until:
                session.analyse(PHOTO)
                time.sleep(min(1.0, idle_s / 4))
        equal(session.end()[1], 4409, "the close code")
