"""Session: one fer.v1 connection, from session.created to its close code."""

import asyncio
import logging
import time

from pydantic import BaseModel
from starlette.websockets import WebSocket, WebSocketDisconnect

from .. import descriptions, record, schemas
from ..analysis import check_explained
from ..ids import new_id
from ..images import ACCEPTED
from ..problems import Problem, report
from ..state import State
from ..tasks import frame_task
from ..tracking import Tracker
from . import messages, protocol
from .messages import SessionClose, StreamOptions
from .protocol import CloseCode, Closing, Frame

log = logging.getLogger("service.stream")

# `Settings.stream_abuse` is counted over this time; then the count begins anew.
ABUSE_S = 10.0


class Session:
    """Reads and analyses at the same time: one frame is being analysed, and of those that wait only the newest is kept.

    Memory is bounded whatever the client does.
    """

    def __init__(self, socket: WebSocket, state: State) -> None:
        self._socket, self._state = socket, state
        self._id: str = socket.state.request_id
        self._options = StreamOptions(max_faces=min(StreamOptions().max_faces, state.settings.max_faces))
        # What a Tracker knows: it goes to the worker with each frame and comes back with the answer.
        self._track = Tracker(prediction_set_threshold=state.contract.prediction_set_threshold).state()
        self._waiting: Frame | None = None
        self._arrived = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._sending = asyncio.Lock()
        self._received = self._processed = self._dropped = self._errors = 0
        self._abuse, self._abuse_from = 0, time.perf_counter()

    async def run(self) -> None:
        """Until the client, a limit or the stop of the service ends the session."""
        try:
            await self._send_created()
            raise await self._first_end()
        except Closing as closing:
            await self._close(closing)
        except WebSocketDisconnect:
            pass
        except Exception as error:
            report(error, instance=self._socket.url.path, request_id=self._id)
            await self._close(Closing(CloseCode.INTERNAL_ERROR, "internal error", farewell=False))

    async def _first_end(self) -> BaseException:
        """Why the session ends. None of the tasks runs any more then, so nothing is sent after the farewell.

        The tasks use asyncio.timeout. wait_for of Python 3.11 forgets a cancellation that meets the end of what it
        waits for, and the cancelled task would go on.
        """
        tasks = [asyncio.create_task(work()) for work in (self._read, self._analyse, self._watch)]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            for task in tasks:
                task.cancel()
        await asyncio.wait(tasks)
        # The exception of every task is retrieved, or asyncio logs it as never retrieved.
        ends = [task.exception() for task in tasks if not task.cancelled()]
        return next(error for error in ends if error is not None)

    # --- messages from the client --------------------------------------------------------------

    async def _read(self) -> None:
        settings = self._state.settings
        while True:
            try:
                async with asyncio.timeout(settings.stream_idle_s):
                    message = await self._socket.receive()
            except TimeoutError as error:
                raise Closing(CloseCode.IDLE, f"no message for {settings.stream_idle_s:g} s") from error
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(message["code"])
            if message.get("bytes") is not None:
                await self._on_frame(message["bytes"])
            else:
                await self._on_command(message["text"])

    async def _on_frame(self, message: bytes) -> None:
        settings = self._state.settings
        self._received += 1
        if len(message) > settings.max_frame_bytes:
            raise Closing(CloseCode.MESSAGE_TOO_BIG, f"a frame has at most {settings.max_frame_bytes} bytes")
        if self._received - self._processed - self._dropped - self._errors > settings.stream_credits:
            self._count_abuse()
        superseded, self._waiting = self._waiting, protocol.read_frame(message, self._received)
        self._idle.clear()
        self._arrived.set()
        if superseded is not None:
            await self._send_dropped(superseded, "superseded")
        # The analysis takes its frame before the next one is read. Otherwise a burst that waited in the socket would
        # replace its own frames, with never more of them under way than there are credits.
        await asyncio.sleep(0)

    async def _on_command(self, text: str) -> None:
        self._count_abuse()
        try:
            command = protocol.read_command(text)
            if isinstance(command, SessionClose):
                # Frames that were sent before session.close are answered before session.closed.
                await self._idle.wait()
                raise Closing(CloseCode.NORMAL, "closed by the client")
            changes = command.model_dump(exclude={"type"}, exclude_unset=True)
            self._state.check_max_faces(changes.get("max_faces", self._options.max_faces))
            options = self._options.model_copy(update=changes)
            check_explained(options.target, options.head, self._state.contract)
            self._state.detectors.check(changes.get("detector", self._options.detector))
        except Problem as problem:
            await self._send_error(None, problem)
        else:
            self._options = options
            await self._send(messages.SessionUpdated(configuration=self._options))

    def _count_abuse(self) -> None:
        """Raises Closing when messages that are allowed now and then come too often."""
        now = time.perf_counter()
        if now - self._abuse_from > ABUSE_S:
            self._abuse, self._abuse_from = 0, now
        self._abuse += 1
        if self._abuse > self._state.settings.stream_abuse:
            raise Closing(
                CloseCode.TOO_MANY_MESSAGES, "too many frames without a credit, frames in error or text messages"
            )

    # --- analysis ------------------------------------------------------------------------------

    async def _analyse(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            frame, self._waiting = self._waiting, None
            if frame is not None:
                await self._answer(frame)
            if self._waiting is None:
                self._idle.set()

    async def _answer(self, frame: Frame) -> None:
        if self._options.max_age_ms is not None and frame.age_ms > self._options.max_age_ms:
            await self._send_dropped(frame, "stale")
            return
        track = {**self._track, "smoothing": self._options.smoothing}
        task = frame_task(self._options.options(self._processed), track, frame.arrived)
        started = time.perf_counter()
        try:
            # Another model may be served by the time of the answer.
            serving = self._state.serving
            answer = await serving.pool.run(task, frame.body)
        except Problem as problem:
            self._errors += 1
            await self._send_error(frame.number, problem)
            if problem.status < 500:
                self._count_abuse()
            return
        self._processed += 1
        self._track = answer.header["track"]
        result = schemas.result_json(
            answer.payload,
            new_id(),
            serving.model_name,
            answer.timing_ms(started),
            type="result",
            frame_id=frame.number,
            age_ms=round(frame.age_ms, 3),
        )
        await self._send_text(result.decode())

    # --- messages to the client ----------------------------------------------------------------

    async def _send_created(self) -> None:
        state = self._state
        await self._send(
            messages.SessionCreated(
                session_id=self._id,
                limits=descriptions.limits(state.settings, ACCEPTED),
                labels=list(state.contract.labels),
                model=messages.StreamModel(**dict(state.model_name), crop_margin=state.contract.crop_margin),
                credits=state.settings.stream_credits,
                configuration=self._options,
            )
        )

    async def _send_dropped(self, frame: Frame, reason: str) -> None:
        self._dropped += 1
        record.add_dropped(reason)
        await self._send(messages.FrameDropped(frame_id=frame.number, reason=reason))

    async def _send_error(self, frame_id: int | None, problem: Problem) -> None:
        _, document = report(problem, instance=self._socket.url.path, request_id=new_id())
        await self._send(messages.StreamError(**{**document, "type": "error", "frame_id": frame_id}))

    async def _send(self, message: BaseModel) -> None:
        await self._send_text(message.model_dump_json())

    async def _send_text(self, text: str) -> None:
        """One message at a time. Raises Closing when the client does not read its answers."""
        async with self._sending:
            try:
                async with asyncio.timeout(self._state.settings.stream_send_s):
                    await self._socket.send_text(text)
            except TimeoutError as error:
                raise Closing(CloseCode.POLICY_VIOLATION, "answers are not read", farewell=False) from error

    # --- the end -------------------------------------------------------------------------------

    async def _watch(self) -> None:
        """Raises Closing when the longest time of a session is over, or the service stops."""
        try:
            async with asyncio.timeout(self._state.settings.stream_session_s):
                await self._state.draining.wait()
        except TimeoutError as error:
            raise Closing(CloseCode.SESSION_TOO_LONG, "longest session reached") from error
        raise Closing(CloseCode.GOING_AWAY, "shutting down")

    async def _close(self, closing: Closing) -> None:
        try:
            if closing.farewell:
                await self._send(messages.SessionClosed(reason=closing.reason, frames=self._counts()))
            async with asyncio.timeout(self._state.settings.stream_send_s):
                await self._socket.close(closing.code, closing.reason)
        except (WebSocketDisconnect, RuntimeError, TimeoutError, Closing):
            log.info("session %s: the client had left before the session was closed", self._id)

    def _counts(self) -> messages.FrameCounts:
        return messages.FrameCounts(
            received=self._received, processed=self._processed, dropped=self._dropped, errors=self._errors
        )
