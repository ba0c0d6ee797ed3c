"""WS /v1/stream: the protocol fer.v1, frames in, one answer each."""

import asyncio
import json
import logging
import struct
import time
from dataclasses import dataclass
from functools import partial
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic import Field as PydanticField
from starlette.responses import JSONResponse
from starlette.websockets import WebSocket, WebSocketDisconnect

from service import schemas
from service.context import Context, get_context, new_id
from service.images import ACCEPTED
from service.problems import MEDIA_TYPE, ForbiddenOrigin, InvalidOption, Problem
from service.schemas import SessionClose, SessionUpdate, StreamOptions

router = APIRouter()
log = logging.getLogger("service.stream")

PROTOCOL = "fer.v1"
# "FER1", frame id, the client's capture time in milliseconds; big-endian. The time is the client's own
# clock and comes back to it by the frame id, so the service has no use for it.
HEADER = struct.Struct(">4sId")
MAGIC = b"FER1"

Command = Annotated[SessionUpdate | SessionClose, PydanticField(discriminator="type")]
_commands: TypeAdapter[SessionUpdate | SessionClose] = TypeAdapter(Command)


class _Closing(Exception):
    """The session ends with this WebSocket close code; `farewell` is said before."""

    def __init__(self, code: int, reason: str, *, farewell: bool = False):
        self.code, self.reason, self.farewell = code, reason, farewell


@dataclass(frozen=True)
class _Frame:
    """One image file's bytes, its number, and when it arrived (perf_counter seconds)."""

    number: int
    body: bytes
    arrived: float

    @property
    def age_ms(self) -> float:
        return (time.perf_counter() - self.arrived) * 1000


@router.websocket("/v1/stream")
async def stream(socket: WebSocket, alive: Annotated[Context, Depends(get_context)]) -> None:
    if not _origin_allowed(socket, alive.settings.allowed_origins):
        await _deny(socket, ForbiddenOrigin("Add this page's origin to FER_ALLOWED_ORIGINS."))
        return
    offered = socket.scope["subprotocols"]
    # A client that names no subprotocol (a command-line tool) is taken; one that wants another is told.
    await socket.accept(subprotocol=PROTOCOL if PROTOCOL in offered else None)
    if offered and PROTOCOL not in offered:
        await socket.close(1002, f"the subprotocol here is {PROTOCOL}")
    elif alive.draining.is_set():
        await socket.close(1001, "shutting down")
    elif alive.streams >= alive.settings.max_streams:
        await socket.close(1013, "all streams are taken, try again later")
    else:
        alive.streams += 1
        try:
            await _Session(socket, alive).run()
        finally:
            alive.streams -= 1


def _origin_allowed(socket: WebSocket, allowed: tuple[str, ...]) -> bool:
    """CORS does not cover WebSockets: any page could open one if nobody looked."""
    origin = socket.headers.get("origin")
    return origin is None or origin in allowed or urlsplit(origin).netloc == socket.headers.get("host")


async def _deny(socket: WebSocket, problem: Problem) -> None:
    document = problem.document(socket.url.path, socket.state.request_id)
    await socket.send_denial_response(JSONResponse(document, problem.status, media_type=MEDIA_TYPE))


class _Session:
    """One connection: a reader that keeps the newest frame alone, and a worker that answers it.

    Whatever the client does, memory is bounded: one frame under analysis, one waiting.
    """

    def __init__(self, socket: WebSocket, alive: Context) -> None:
        self._socket, self._alive = socket, alive
        self._id = new_id()
        self._options = StreamOptions()
        self._waiting: _Frame | None = None
        self._arrived = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._sending = asyncio.Lock()
        self._received = self._processed = self._dropped = self._errors = 0

    async def run(self) -> None:
        """Until the client, a limit or the service's end closes the connection."""
        tasks: list[asyncio.Task[None]] = []
        try:
            await self._greet()
            tasks = [asyncio.create_task(work()) for work in (self._read, self._work, self._watch)]
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                task.result()
        except _Closing as closing:
            await self._close(closing)
        except WebSocketDisconnect:
            pass
        except Exception:
            log.exception("session %s failed", self._id)
            await self._close(_Closing(1011, "internal error"))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            log.info("session %s ended: %s", self._id, self._counts().model_dump_json())

    # --- what comes in -------------------------------------------------------------------------

    async def _read(self) -> None:
        settings = self._alive.settings
        while True:
            try:
                message = await asyncio.wait_for(self._socket.receive(), settings.stream_idle_s)
            except TimeoutError as error:
                raise _Closing(4408, f"no message for {settings.stream_idle_s:g} s", farewell=True) from error
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(message["code"])
            if message.get("bytes") is not None:
                await self._take(message["bytes"])
            else:
                await self._obey(message["text"])

    async def _take(self, message: bytes) -> None:
        self._received += 1
        if len(message) > self._alive.settings.max_frame_bytes:
            raise _Closing(1009, f"a frame has at most {self._alive.settings.max_frame_bytes} bytes", farewell=True)
        number, body = self._received, message
        if len(message) >= HEADER.size and message.startswith(MAGIC):
            _, number, _ = HEADER.unpack_from(message)
            body = message[HEADER.size :]
        before, self._waiting = self._waiting, _Frame(number, body, time.perf_counter())
        self._idle.clear()
        self._arrived.set()
        if before is not None:
            await self._drop(before, "superseded")

    async def _obey(self, text: str) -> None:
        try:
            given = json.loads(text)
        except ValueError as error:
            raise _Closing(1007, "text messages are JSON", farewell=True) from error
        if not isinstance(given, dict) or given.get("type") not in ("session.update", "session.close"):
            raise _Closing(1003, "text messages are session.update or session.close", farewell=True)
        try:
            command = _commands.validate_python(given, strict=True)
            if isinstance(command, SessionClose):
                # What was sent before the goodbye is answered before the goodbye.
                await self._idle.wait()
                raise _Closing(1000, "closed by the client", farewell=True)
            self._alive.check_max_faces(command.max_faces)
        except ValidationError as error:
            await self._refuse(None, invalid_option(error))
        except Problem as problem:
            await self._refuse(None, problem)
        else:
            changes = command.model_dump(exclude={"type"}, exclude_unset=True)
            self._options = self._options.model_copy(update=changes)
            await self._send(schemas.SessionUpdated(configuration=self._options))

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

    async def _answer(self, frame: _Frame) -> None:
        if self._options.max_age_ms is not None and frame.age_ms > self._options.max_age_ms:
            await self._drop(frame, "stale")
            return
        analyse = partial(self._alive.analyzer.analyse, frame.body, self._options.options(self._processed))
        started = time.perf_counter()
        try:
            done = await self._alive.pool.run(analyse)
        except Problem as problem:
            await self._refuse(frame.number, problem)
            return
        self._processed += 1
        total_ms = (time.perf_counter() - started) * 1000
        result = schemas.result(done.value, self._alive.contract, new_id(), done.queue_ms, total_ms)
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

    async def _drop(self, frame: _Frame, reason: str) -> None:
        self._dropped += 1
        await self._send(schemas.FrameDropped(frame_id=frame.number, reason=reason))

    async def _refuse(self, frame_id: int | None, problem: Problem) -> None:
        self._errors += frame_id is not None
        document = problem.document(self._socket.url.path, new_id())
        await self._send(schemas.StreamError(**{**document, "type": "error", "frame_id": frame_id}))

    async def _send(self, message: BaseModel) -> None:
        """One message at a time; a client that does not read is let go."""
        async with self._sending:
            try:
                sent = self._socket.send_text(message.model_dump_json())
                await asyncio.wait_for(sent, self._alive.settings.stream_send_s)
            except TimeoutError as error:
                raise _Closing(1008, "answers are not read") from error

    # --- the end -------------------------------------------------------------------------------

    async def _watch(self) -> None:
        """Ends the session at its longest time, or when the service stops."""
        try:
            await asyncio.wait_for(self._alive.draining.wait(), self._alive.settings.stream_session_s)
        except TimeoutError as error:
            raise _Closing(4409, "longest session reached", farewell=True) from error
        raise _Closing(1001, "shutting down", farewell=True)

    async def _close(self, closing: _Closing) -> None:
        try:
            if closing.farewell:
                await self._send(schemas.SessionClosed(reason=closing.reason, frames=self._counts()))
            await self._socket.close(closing.code, closing.reason)
        except (WebSocketDisconnect, RuntimeError, _Closing):
            log.info("session %s: the client was gone before the goodbye", self._id)

    def _counts(self) -> schemas.FrameCounts:
        return schemas.FrameCounts(
            received=self._received, processed=self._processed, dropped=self._dropped, errors=self._errors
        )


def invalid_option(error: ValidationError) -> InvalidOption:
    """Names each option at fault and what is wrong with it."""
    return InvalidOption("; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()))
