"""WebSocket on one connection: uvicorn's protocol with limits.

It relies on names that uvicorn does not promise; tests/service/connections/ shows that they still mean the same.
"""

import asyncio
import logging
import time
from collections import deque
from typing import Any

from uvicorn._types import ASGIReceiveEvent, ASGISendEvent
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CTRL_OPCODES, Frame
from websockets.http11 import Request
from websockets.server import ServerProtocol

from .. import request_log
from ..problems import HeadersTooLarge, MalformedRequest
from ..stream.abuse import ABUSE_S
from ..stream.memory import FrameMemory
from ..stream.protocol import CloseCode, Closing
from .answers import problem_answer
from .config import Config
from .linger import Linger

# A thousand pings are parsed before they are counted, not those of a whole read.
_SLICE_BYTES = 2**13
# A fragment of less is counted as a ping is.
_SMALL_BYTES = 512
# Dropped of what a client still sends after the end: several frames that were on their way.
_DROPPED_BYTES = 2**23


class WebSocketConnection(WebSocketsSansIOProtocol):
    """Reads nothing from a client that does not read itself, and aborts its connection at the end.

    uvicorn's own class keeps its answers to pings in memory, and its close waits until the client has read everything.
    It also logs addresses and queries.
    """

    config: Config

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.logger = logging.getLogger(request_log.WEBSOCKETS)
        self._linger: Linger | None = None
        self._small, self._small_from = 0, time.perf_counter()
        self._memory = FrameMemory()
        # Bytes of the messages that the session has not received yet.
        self._untaken: deque[int] = deque()

    def connection_lost(self, exc: Exception | None) -> None:
        self.config.connections.remove(self.transport)
        if self._linger is not None:
            self._linger.cancel()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """Leave an open session to the application, which knows of the stop signal and closes it with 1001.

        uvicorn's own closes it with 1012 a tenth of a second after the signal, whether the application has had time to
        run or not. What does not end is cancelled after `timeout_graceful_shutdown`.
        """
        if not self.handshake_complete or self.close_sent:
            super().shutdown()

    def pause_writing(self) -> None:
        super().pause_writing()
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self.read_paused:
            self.transport.resume_reading()

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        super().on_task_complete(task)
        if self.transport.get_write_buffer_size() > 0:
            self.loop.call_later(self.close_timeout, self.transport.abort)

    # --- the handshake -------------------------------------------------------------------------

    def handle_connect(self, event: Request) -> None:
        refused = ServerProtocol().accept(event)
        if refused.status_code == 101:
            super().handle_connect(event)
            self.scope["state"]["frame_memory"] = self._memory
            # Until the session begins: its first `receive` reads on.
            self.read_paused = True
            self.transport.pause_reading()
            return
        detail = refused.body.decode("utf-8", "replace").partition("\n")[0]
        path = event.path.partition("?")[0]
        self._refuse_handshake(problem_answer(MalformedRequest(detail), path, self.app_state))

    def _refuse_handshake(self, answer: bytes) -> None:
        self.handshake_initiated = self.handshake_complete = self.close_sent = True
        self.transport.write(answer)
        self._begin_lingering()

    def _begin_lingering(self) -> None:
        self._linger = Linger(self.loop, self.transport, _DROPPED_BYTES)
        # What has come of a frame is dropped with all that still comes.
        self.conn.reader.buffer.clear()
        self.frames = []
        if self.close_timer is not None:
            self.close_timer.cancel()
        # Where there is one, uvicorn does not close the connection when the application has ended.
        self.close_timer = self.loop.call_later(self.close_timeout, self.transport.abort)

    # --- what the client sends -----------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        for begin in range(0, len(data), _SLICE_BYTES):
            if self._linger is not None:
                self._linger.drop(data[begin:])
                return
            super().data_received(data[begin : begin + _SLICE_BYTES])
        self._count_arriving()
        if not self.handshake_initiated:
            # The headers were complete, and websockets has limits of its own, after which it says nothing.
            problem = HeadersTooLarge("A header of a WebSocket handshake has at most 8,192 bytes.", limit=8192)
            self._refuse_handshake(problem_answer(problem, "/v1/stream", self.app_state))

    def _count_arriving(self) -> None:
        """Bytes of a frame that is not complete, of a message's fragments, and of messages that wait to be received."""
        if self._linger is not None:
            return
        try:
            self._memory.arrive(len(self.conn.reader.buffer) + sum(map(len, self.frames)) + sum(self._untaken))
        except Closing as closing:
            self._fail(closing.code, closing.reason)

    async def receive(self) -> ASGIReceiveEvent:
        message = await super().receive()
        if message["type"] == "websocket.receive":
            self._untaken.popleft()
            self._count_arriving()
        return message

    def handle_events(self) -> None:
        """As uvicorn's, one event after the other, with those counted that cost the client nothing."""
        events = self.conn.events_received()
        for event in events:
            if isinstance(event, Frame) and self._is_small(event):
                self._small += 1
        if self._small and self._too_many():
            self._fail(CloseCode.TOO_MANY_MESSAGES, "too many pings or small fragments")
            return
        self.conn.events.extend(events)
        super().handle_events()

    @staticmethod
    def _is_small(frame: Frame) -> bool:
        return frame.opcode in CTRL_OPCODES or (not frame.fin and len(frame.data) < _SMALL_BYTES)

    def _too_many(self) -> bool:
        now = time.perf_counter()
        if now - self._small_from > ABUSE_S:
            self._small, self._small_from = 0, now
        return self._small > self.config.settings.stream_abuse

    def send_receive_event_to_app(self) -> None:
        """As uvicorn's, which logs a traceback for text that is not UTF-8."""
        if self.curr_msg_data_type == "text":
            try:
                b"".join(self.frames).decode()
            except UnicodeDecodeError:
                self.frames = []
                self._fail(CloseCode.INVALID_PAYLOAD, "text messages are UTF-8")
                return
        if not self.close_sent:
            self._untaken.append(sum(map(len, self.frames)))
        super().send_receive_event_to_app()

    def _fail(self, code: CloseCode, reason: str) -> None:
        if self.close_sent:
            return
        self.stop_keepalive()
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self._begin_lingering()

    def handle_parser_exception(self) -> None:
        """As uvicorn's, but the close frame reaches a client that is still sending."""
        if (sent := self.conn.close_sent) is not None:
            self.queue.put_nowait({"type": "websocket.disconnect", "code": sent.code, "reason": sent.reason})
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self._begin_lingering()

    def handle_ping(self) -> None:
        if self._linger is None:
            super().handle_ping()

    # --- what the application sends ------------------------------------------------------------

    async def send(self, message: ASGISendEvent) -> None:
        if self._linger is not None:
            raise ClientDisconnected
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and self.close_sent:
            # A handshake that the application refuses is complete; uvicorn's own logs an error for each.
            self.handshake_complete = True
        if message["type"] == "websocket.close" and not self.transport.is_closing():
            # uvicorn's own would go on to collect frames of a client that does not stop.
            self._begin_lingering()
