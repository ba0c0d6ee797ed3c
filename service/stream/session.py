"""Session: one fer.v1 connection, from session.created to its close code."""

import asyncio
import logging

from pydantic import BaseModel
from starlette.websockets import WebSocket, WebSocketDisconnect

from .. import descriptions, record, schemas
from ..analysis import check_explained
from ..ids import new_id
from ..images import ACCEPTED
from ..problems import Problem, report
from ..state import State
from ..tasks import frame_task, stream_state
from ..tracking import Tracker
from ..workers.channel import Header
from ..workers.pool import Answer, Chosen
from . import messages, protocol
from .abuse import Abuse
from .memory import FrameMemory
from .messages import SessionClose, StreamOptions
from .protocol import CloseCode, Closing, Frame
from .waiting import Waiting

log = logging.getLogger("service.stream")


class Session:
    """Reads and analyses at the same time: one frame is being analysed, and of those that wait only the newest is kept.

    Which one that is, is decided when a worker is free. Memory is bounded whatever the client does.
    """

    def __init__(self, socket: WebSocket, state: State, memory: FrameMemory) -> None:
        self._socket, self._state, self._memory = socket, state, memory
        self._id: str = socket.state.request_id
        self._options = StreamOptions(max_faces=min(StreamOptions().max_faces, state.settings.max_faces))
        # What is known of the stream: it goes to the worker with each frame and comes back with the answer.
        self._known = stream_state(Tracker(prediction_set_threshold=state.contract.prediction_set_threshold))
        self._waiting = Waiting()
        self._arrived = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._sending = asyncio.Lock()
        self._received = self._processed = self._dropped = self._errors = 0
        self._abuse = Abuse(state.settings.stream_abuse)

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
        without_credit = self._received - self._processed - self._dropped - self._errors > settings.stream_credits
        if without_credit:
            self._abuse.add()
        frame = protocol.read_frame(message, self._received)
        self._memory.take(len(frame.body))
        self._waiting.put(frame)
        self._idle.clear()
        self._arrived.set()
        if without_credit and (replaced := self._waiting.take_replaced()):
            await self._send_dropped(replaced, "superseded")
        # The analysis takes its frame before the next one is read. Otherwise a burst that waited in the socket would
        # replace its own frames, with never more of them under way than there are credits.
        await asyncio.sleep(0)

    async def _on_command(self, text: str) -> None:
        self._abuse.add()
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

    # --- analysis ------------------------------------------------------------------------------

    async def _analyse(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._waiting:
                await self._answer_newest()
            self._idle.set()

    async def _answer_newest(self) -> None:
        """Analyse the frame that is the newest when a worker is free, and answer it and those that it replaced."""
        chosen: Frame | None = None
        # Another model may be served by the time of the answer.
        serving = self._state.serving

        def choose() -> Chosen | None:
            nonlocal chosen
            chosen = self._waiting.take()
            if chosen is None or self._is_stale(chosen):
                return None
            return Chosen(self._task(chosen, busy=serving.pool.waiting > 0), chosen.body, chosen.arrived)

        answer, problem = None, None
        try:
            answer = await serving.pool.run_chosen(choose)
        except Problem as error:
            problem = error
        # Where no worker was free in time, nothing was chosen.
        chosen = chosen or self._waiting.take()
        while replaced := self._waiting.take_replaced():
            await self._send_dropped(replaced, "superseded")
        if chosen is None:
            return
        if problem is not None:
            await self._send_failed(chosen, problem)
        elif answer is None:
            await self._send_dropped(chosen, "stale")
        else:
            await self._send_result(chosen, answer, serving.model_name)

    def _is_stale(self, frame: Frame) -> bool:
        return self._options.max_age_ms is not None and frame.age_ms > self._options.max_age_ms

    def _task(self, frame: Frame, *, busy: bool) -> Header:
        track = {**self._known["track"], "smoothing": self._options.smoothing}
        known = {**self._known, "track": track}
        return frame_task(self._options.options(self._processed), known, frame.arrived, busy=busy)

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

    async def _send_result(self, frame: Frame, answer: Answer, model: schemas.ModelName) -> None:
        self._processed += 1
        self._known = answer.header["stream"]
        result = schemas.result_json(
            answer.payload,
            new_id(),
            model,
            answer.timing_ms(frame.arrived),
            type="result",
            frame_id=frame.number,
            age_ms=round(frame.age_ms, 3),
        )
        await self._send_text(result.decode())
        self._memory.give_back(len(frame.body))

    async def _send_failed(self, frame: Frame, problem: Problem) -> None:
        self._errors += 1
        await self._send_error(frame.number, problem)
        self._memory.give_back(len(frame.body))
        if problem.status < 500:
            self._abuse.add()

    async def _send_dropped(self, frame: Frame, reason: str) -> None:
        self._dropped += 1
        record.add_dropped(reason)
        await self._send(messages.FrameDropped(frame_id=frame.number, reason=reason))
        self._memory.give_back(len(frame.body))

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
