"""The client for asyncio: the same calls, and files by the dozen."""

import asyncio
import os
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self, Unpack

import httpx2
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from fer_client import flow
from fer_client.errors import BadAnswer, FerError
from fer_client.flow import Flow
from fer_client.options import PredictOptions, StreamOptions, VideoOptions
from fer_client.results import (
    FrameRefused,
    Limits,
    ModelDescription,
    Result,
    StreamResult,
    VideoFrame,
    VideoSummary,
    read,
)
from fer_client.retries import Patience
from fer_client.wire import (
    DEFAULT_URL,
    VIDEO,
    Call,
    Image,
    Lines,
    Target,
    TextFormat,
    check_text,
    document,
    given,
    http_refusal,
    hung_up,
    lost,
    too_large,
    video_line,
)


class AsyncClient:
    """As `Client`, for asyncio. What is an iterator there is an async one here; close it (`contextlib.aclosing`)
    where you leave it early."""

    def __init__(
        self,
        base_url: str = DEFAULT_URL,
        *,
        key: str | None = None,
        timeout: float = 30.0,
        retries: int = 3,
        max_wait_s: float = 60.0,
    ):
        self._target = Target(base_url, key)
        self._timeout_s, self._retries, self._max_wait_s = timeout, retries, max_wait_s
        self._http = httpx2.AsyncClient(base_url=base_url, headers=self._target.headers, timeout=timeout)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._http.aclose()

    # --- calls ---------------------------------------------------------------------------------

    async def predict(self, image: Image, **options: Unpack[PredictOptions]) -> Result:
        return read(Result, await self._json(Call("POST", "v1/predict", options, image)))

    async def predict_many(
        self, paths: Iterable[str | os.PathLike[str]], *, jobs: int = 4, **options: Unpack[PredictOptions]
    ) -> AsyncGenerator[tuple[Path, Result | FerError | OSError], None]:
        """One answer for each path, in order, `jobs` requests at a time; what is wrong with one does not stop
        the others."""

        async def attempt(path: Path) -> Result | FerError | OSError:
            try:
                return await self.predict(path, **options)
            except (FerError, OSError) as error:
                return error

        under_way: deque[tuple[Path, asyncio.Task[Result | FerError | OSError]]] = deque()
        try:
            for path in map(Path, paths):
                under_way.append((path, asyncio.create_task(attempt(path))))
                if len(under_way) >= jobs:
                    first, task = under_way.popleft()
                    yield first, await task
            while under_way:
                first, task = under_way.popleft()
                yield first, await task
        finally:
            for _, task in under_way:
                task.cancel()
            await asyncio.gather(*(task for _, task in under_way), return_exceptions=True)

    async def video(
        self, path: str | os.PathLike[str], **options: Unpack[VideoOptions]
    ) -> AsyncGenerator[VideoFrame | VideoSummary, None]:
        said: VideoFrame | VideoSummary | None = None
        async for line in self._video_lines(path, "ndjson", options):
            said = video_line(line)
            yield said
        if not isinstance(said, VideoSummary):
            raise BadAnswer(f"{self._target.name} ended its answer before the summary")

    async def video_text(
        self, path: str | os.PathLike[str], *, format: TextFormat, **options: Unpack[VideoOptions]
    ) -> AsyncGenerator[str, None]:
        async for line in self._video_lines(path, format, options):
            yield line
            check_text(line, format)

    async def stream(
        self, frames: AsyncIterable[bytes], **options: Unpack[StreamOptions]
    ) -> AsyncGenerator[StreamResult | FrameRefused, None]:
        sender = _Sender()
        taking = asyncio.create_task(sender.take(frames))
        patience = self._patience()
        try:
            while True:
                try:
                    async with connect(
                        self._target.stream_url, **flow.handshake(self._target, self._timeout_s)
                    ) as socket:
                        async with asyncio.timeout(self._timeout_s):
                            credits = flow.greeting_credits(await socket.recv())
                        await socket.send(flow.session_update(given(options)))
                        await sender.connect(socket, credits)
                        while True:
                            answer = await sender.hear(await socket.recv())
                            if answer is not None:
                                patience = self._patience()
                                yield answer
                except (OSError, WebSocketException) as error:
                    failure = flow.stream_lost(error, self._target)
                    failure.__cause__ = error
                sender.socket = None
                if sender.flow.done:
                    break
                await self._wait(patience, failure)
        finally:
            taking.cancel()
            await asyncio.gather(taking, return_exceptions=True)
        if sender.failure is not None:
            raise sender.failure

    async def model(self) -> ModelDescription:
        return read(ModelDescription, await self._json(Call("GET", "v1/model")))

    async def limits(self) -> Limits:
        return read(Limits, await self._json(Call("GET", "v1/limits")))

    # --- the exchange --------------------------------------------------------------------------

    async def _json(self, call: Call) -> object:
        return document(await self._send(call), self._target)

    async def _send(self, call: Call, *, stream: bool = False) -> httpx2.Response:
        patience = self._patience()
        while True:
            try:
                response = await self._http.send(call.request_async(self._http), stream=stream)
                if response.is_success:
                    return response
                await response.aread()
                failure = http_refusal(response, self._target)
            except httpx2.RequestError as error:
                failure = lost(error, self._target)
                if hung_up(error, call):
                    failure = too_large(call, (await self.limits())) or failure
                failure.__cause__ = error
            await self._wait(patience, failure)

    async def _video_lines(
        self, path: str | os.PathLike[str], format: str, options: VideoOptions
    ) -> AsyncGenerator[str, None]:
        call = Call("POST", VIDEO, {**options, "format": format}, path)
        response = await self._send(call, stream=True)
        lines = Lines()
        try:
            async for piece in response.aiter_bytes():
                for line in lines.feed(piece):
                    yield line
            for line in lines.end():
                yield line
        except httpx2.RequestError as error:
            raise lost(error, self._target) from error
        finally:
            await response.aclose()

    def _patience(self) -> Patience:
        return Patience(self._retries, self._max_wait_s)

    async def _wait(self, patience: Patience, failure: FerError) -> None:
        wait_s = patience.wait_s(failure)
        if wait_s is None:
            raise failure
        await asyncio.sleep(wait_s)


class _Sender:
    """Two tasks meet here: one takes frames from their source, the other reads answers; either may send."""

    def __init__(self) -> None:
        self.flow = Flow()
        self.socket: ClientConnection | None = None
        self.failure: Exception | None = None

    async def take(self, frames: AsyncIterable[bytes]) -> None:
        try:
            async for frame in frames:
                self.flow.offer(frame)
                await self._push()
        # Whatever the caller's frames raise is raised again where the answers are read.
        except Exception as error:
            self.failure = error
        self.flow.end()
        await self._push()

    async def connect(self, socket: ClientConnection, credits: int) -> None:
        self.socket = socket
        self.flow.greet(credits)
        await self._push()

    async def hear(self, message: str | bytes) -> StreamResult | FrameRefused | None:
        answer = self.flow.hear(message)
        await self._push()
        return answer

    async def _push(self) -> None:
        # The task that reads meets the same end, and says what it means.
        with suppress(ConnectionClosed):
            while self.socket is not None and (message := self.flow.next_message()) is not None:
                await self.socket.send(message)
