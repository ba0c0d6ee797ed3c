"""Session: one fer.v1 connection, from the greeting to the goodbye."""

import asyncio
import logging
import time
from dataclasses import replace
from functools import partial

from pydantic import BaseModel
from starlette.websockets import WebSocket, WebSocketDisconnect

from .. import schemas
from ..images import ACCEPTED
from ..problems import Problem
from ..schemas import SessionClose, StreamOptions
from ..state import Context, new_id
from ..tracking import Tracker
from . import protocol
from .protocol import Closing, Frame

log = logging.getLogger("service.stream")

# The time in which `Settings.stream_abuse` is counted; then the count begins anew.
ABUSE_S = 10.0


class Session:
    """A reader that keeps the newest frame alone, and a worker that answers it.

    Whatever the client does, memory is bounded: one frame under analysis, one waiting.
    """

    def __init__(self, socket: WebSocket, alive: Context) -> None:
        self._socket, self._alive = socket, alive
        self._id = new_id()
        self._options = StreamOptions(max_faces=min(StreamOptions().max_faces, alive.settings.max_faces))
        self._tracker = Tracker(plausible_threshold=alive.contract.plausible_threshold)
        self._waiting: Frame | None = None
        self._arrived = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._sending = asyncio.Lock()
        self._received = self._processed = self._dropped = self._errors = 0
        self._abuse, self._abuse_from = 0, time.perf_counter()

    async def run(self) -> None:
        """Until the client, a limit or the service's end closes the connection."""
        try:
            await self._greet()
            raise await self._first_end()
        except Closing as closing:
            await self._close(closing)
        except WebSocketDisconnect:
            pass
        except Exception:
            log.exception("session %s failed", self._id)
            await self._close(Closing(1011, "internal error", farewell=False))
        finally:
            log.info("session %s ended: %s", self._id, self._counts().model_dump_json())

    async def _first_end(self) -> BaseException:
        """Why the session ends; nothing of it runs any more then, so that the goodbye is the last word.

        Timeouts in what runs are asyncio.timeout's: wait_for of Python 3.11 forgets a cancellation that meets the
        end of what it waits for, and the task that was told to end goes on.
        """
        tasks = [asyncio.create_task(work()) for work in (self._read, self._work, self._watch)]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            for task in tasks:
                task.cancel()
        await asyncio.wait(tasks)
        # All are asked: an error that nobody asks for is logged as lost.
        ends = [task.exception() for task in tasks if not task.cancelled()]
        return next(error for error in ends if error is not None)

    # --- what comes in -------------------------------------------------------------------------

    async def _read(self) -> None:
        settings = self._alive.settings
        while True:
            try:
                async with asyncio.timeout(settings.stream_idle_s):
                    message = await self._socket.receive()
            except TimeoutError as error:
                raise Closing(4408, f"no message for {settings.stream_idle_s:g} s") from error
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(message["code"])
            if message.get("bytes") is not None:
                await self._take(message["bytes"])
            else:
                await self._obey(message["text"])

    async def _take(self, message: bytes) -> None:
        settings = self._alive.settings
        self._received += 1
        if len(message) > settings.max_frame_bytes:
            raise Closing(1009, f"a frame has at most {settings.max_frame_bytes} bytes")
        if self._received - self._processed - self._dropped - self._errors > settings.stream_credits:
            self._count_abuse()
        before, self._waiting = self._waiting, protocol.read_frame(message, self._received)
        self._idle.clear()
        self._arrived.set()
        if before is not None:
            await self._drop(before, "superseded")

    async def _obey(self, text: str) -> None:
        self._count_abuse()
        try:
            command = protocol.read_command(text)
            if isinstance(command, SessionClose):
                # What was sent before the goodbye is answered before the goodbye.
                await self._idle.wait()
                raise Closing(1000, "closed by the client")
            changes = command.model_dump(exclude={"type"}, exclude_unset=True)
            self._alive.check_max_faces(changes.get("max_faces", self._options.max_faces))
            self._alive.analyzer.check_target(changes.get("target", self._options.target))
        except Problem as problem:
            await self._refuse(None, problem)
        else:
            self._options = self._options.model_copy(update=changes)
            self._tracker.smoothing = self._options.smoothing
            await self._send(schemas.SessionUpdated(configuration=self._options))

    def _count_abuse(self) -> None:
        """Raises Closing for a client that goes on with what is only borne now and then."""
        now = time.perf_counter()
        if now - self._abuse_from > ABUSE_S:
            self._abuse, self._abuse_from = 0, now
        self._abuse += 1
        if self._abuse > self._alive.settings.stream_abuse:
            raise Closing(4429, "too many frames without a credit, frames in error or text messages")

    # --- what goes out -------------------------------------------------------------------------

    async def _work(self) -> None:
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
            await self._drop(frame, "stale")
            return
        analyse = partial(self._alive.analyzer.analyse, frame.body, self._options.options(self._processed))
        started = time.perf_counter()
        try:
            done = await self._alive.pool.run(analyse)
        except Problem as problem:
            self._errors += 1
            await self._refuse(frame.number, problem)
            if problem.status < 500:
                self._count_abuse()
            return
        self._processed += 1
        found = replace(done.value, faces=self._tracker.follow(done.value.faces, frame.arrived))
        total_ms = (time.perf_counter() - started) * 1000
        result = schemas.result(found, self._alive.contract, new_id(), done.queue_ms, total_ms)
        await self._send(schemas.StreamResult(**dict(result), frame_id=frame.number, age_ms=round(frame.age_ms, 3)))

    async def _greet(self) -> None:
        alive = self._alive
        await self._send(
            schemas.SessionCreated(
                session_id=self._id,
                limits=schemas.limits(alive.settings, ACCEPTED),
                labels=list(alive.contract.labels),
                model=schemas.StreamModel(
                    **dict(schemas.model_name(alive.contract)), crop_margin=alive.contract.crop_margin
                ),
                credits=alive.settings.stream_credits,
                configuration=self._options,
            )
        )

    async def _drop(self, frame: Frame, reason: str) -> None:
        self._dropped += 1
        await self._send(schemas.FrameDropped(frame_id=frame.number, reason=reason))

    async def _refuse(self, frame_id: int | None, problem: Problem) -> None:
        document = problem.document(self._socket.url.path, new_id())
        await self._send(schemas.StreamError(**{**document, "type": "error", "frame_id": frame_id}))

    async def _send(self, message: BaseModel) -> None:
        """One message at a time; a client that does not read is let go."""
        async with self._sending:
            try:
                async with asyncio.timeout(self._alive.settings.stream_send_s):
                    await self._socket.send_text(message.model_dump_json())
            except TimeoutError as error:
                raise Closing(1008, "answers are not read", farewell=False) from error

    # --- the end -------------------------------------------------------------------------------

    async def _watch(self) -> None:
        """Ends the session at its longest time, or when the service stops."""
        try:
            async with asyncio.timeout(self._alive.settings.stream_session_s):
                await self._alive.draining.wait()
        except TimeoutError as error:
            raise Closing(4409, "longest session reached") from error
        raise Closing(1001, "shutting down")

    async def _close(self, closing: Closing) -> None:
        try:
            if closing.farewell:
                await self._send(schemas.SessionClosed(reason=closing.reason, frames=self._counts()))
            async with asyncio.timeout(self._alive.settings.stream_send_s):
                await self._socket.close(closing.code, closing.reason)
        except (WebSocketDisconnect, RuntimeError, TimeoutError, Closing):
            log.info("session %s: the client was gone before the goodbye", self._id)

    def _counts(self) -> schemas.FrameCounts:
        return schemas.FrameCounts(
            received=self._received, processed=self._processed, dropped=self._dropped, errors=self._errors
        )
