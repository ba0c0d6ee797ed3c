"""The client for asyncio: the same calls as `Client`."""

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable
from contextlib import aclosing, suppress
from pathlib import Path
from types import TracebackType
from typing import Self, Unpack

import httpx2
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from fer_client.async_many import AsyncMany
from fer_client.errors import BadAnswer, FerError
from fer_client.images import Image, body_of
from fer_client.options import PredictOptions, StreamOptions, VideoOptions
from fer_client.requests import DEFAULT_URL, LIMITS, MODEL, PREDICT, VIDEO, Address, Call, headers, without_none
from fer_client.responses import declared_s, may_be_too_large, read_json, request_error, response_error, size_error
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
from fer_client.retries import RetryBudget
from fer_client.stream import StreamProtocol, handshake, session_credits, session_update, stream_error
from fer_client.surroundings import open_http
from fer_client.video_lines import LineSplitter, TextFormat, VideoFormat, check_text_line, read_video_line


class AsyncClient:
    """As `Client`, for asyncio. Where `Client` returns an iterator, this returns an async one.

    Close an async iterator that you leave early (`contextlib.aclosing`).
    """

    def __init__(
        self,
        base_url: str = DEFAULT_URL,
        *,
        api_key: str | None = None,
        timeout: float = 30.0,
        retries: int = 3,
        max_wait_s: float = 60.0,
    ):
        self._address = Address(base_url)
        self._headers = headers(api_key)
        self._timeout_s, self._retries, self._max_wait_s = timeout, retries, max_wait_s
        self._http = open_http(httpx2.AsyncClient, self._address, self._headers, timeout)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connections."""
        await self._http.aclose()

    # --- calls ---------------------------------------------------------------------------------

    async def predict(self, image: Image, **options: Unpack[PredictOptions]) -> Result:
        """The faces of one picture; see `fer_client.images.Image` for its forms.

        Raises FerError, OSError for a path, and TypeError or ValueError for what is no picture.
        """
        return read(Result, await self._json(Call("POST", PREDICT, options, body_of(image))))

    async def predict_many(
        self, paths: Iterable[str | os.PathLike[str]], *, jobs: int = 4, **options: Unpack[PredictOptions]
    ) -> AsyncGenerator[tuple[Path, Result | FerError | OSError], None]:
        """Each path with its result, in order. An error takes the place of a result.

        A few files are sent in `jobs` requests at a time, more in batches, which are faster, unless `jobs` is 1. Only a
        few are in memory, however many there are.
        """

        async def predict(path: Path) -> Result:
            return await self.predict(path, **options)

        many = AsyncMany(self._http, self._address, options, predict, self._retry_budget)
        async with aclosing(many.answers(map(Path, paths), jobs)) as answers:
            async for answer in answers:
                yield answer

    async def video(
        self, path: str | os.PathLike[str], **options: Unpack[VideoOptions]
    ) -> AsyncGenerator[VideoFrame | VideoSummary, None]:
        """The analysed frames of a video file while the service reads it, the summary last. Raises as in `Client`."""
        result: VideoFrame | VideoSummary | None = None
        async for line in self._video_lines(path, "ndjson", options):
            result = read_video_line(line)
            yield result
        if not isinstance(result, VideoSummary):
            raise BadAnswer(f"{self._address} ended its answer before the summary")

    async def video_text(
        self, path: str | os.PathLike[str], *, format: TextFormat, **options: Unpack[VideoOptions]
    ) -> AsyncGenerator[str, None]:
        """The lines of a video's CSV or WebVTT, without their ends. Raises as in `Client`."""
        async for line in self._video_lines(path, format, options):
            yield line
            check_text_line(line, format)

    async def video_bytes(
        self,
        path: str | os.PathLike[str],
        *,
        format: VideoFormat,
        on_open: Callable[[float | None], object] | None = None,
        **options: Unpack[VideoOptions],
    ) -> AsyncGenerator[bytes, None]:
        """A video's answer as the service sends it, in pieces. As in `Client`."""
        response = await self._send(Call("POST", VIDEO, {**options, "format": format}, path), stream=True)
        try:
            if on_open is not None:
                on_open(declared_s(response))
            async for piece in response.aiter_bytes():
                yield piece
        except httpx2.RequestError as error:
            raise request_error(error, self._address) from error
        finally:
            await response.aclose()

    async def stream(
        self, frames: AsyncIterable[bytes], **options: Unpack[StreamOptions]
    ) -> AsyncGenerator[StreamResult | FrameRefused, None]:
        """Results for live frames, each a JPEG, PNG or WebP file's bytes. Only the newest frame is ever sent.

        `frames` is read in a task of its own. A session that ends is followed by a new one. Raises as in `Client`.
        """
        sender = _Sender()
        reading = asyncio.create_task(sender.read_frames(frames))
        budget = self._retry_budget()
        try:
            while True:
                try:
                    async with connect(**handshake(self._address, self._timeout_s, self._headers)) as socket:
                        async with asyncio.timeout(self._timeout_s):
                            credits = session_credits(await socket.recv())
                        await socket.send(session_update(without_none(options)))
                        await sender.connect(socket, credits)
                        while True:
                            result = await sender.receive(await socket.recv())
                            if result is not None:
                                budget = self._retry_budget()
                                yield result
                except (OSError, WebSocketException, ImportError) as error:
                    failure = stream_error(error, self._address)
                    failure.__cause__ = error
                sender.socket = None
                if sender.protocol.done:
                    break
                await self._wait(budget, failure)
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
        if sender.failure is not None:
            raise sender.failure

    async def model(self) -> ModelDescription:
        """What the service says of its model. Raises FerError."""
        return read(ModelDescription, await self._json(Call("GET", MODEL)))

    async def limits(self) -> Limits:
        """The limits in force. Raises FerError."""
        return read(Limits, await self._json(Call("GET", LIMITS)))

    # --- requests ------------------------------------------------------------------------------

    async def _json(self, call: Call) -> object:
        return read_json(await self._send(call), self._address)

    async def _send(self, call: Call, *, stream: bool = False) -> httpx2.Response:
        """The response, after retries; with `stream` its body is still to be read and closed."""
        budget = self._retry_budget()
        while True:
            try:
                response = await self._http.send(call.async_request(self._http), stream=stream)
                if response.is_success:
                    return response
                await response.aread()
                failure = response_error(response, self._address)
            except httpx2.RequestError as error:
                failure = request_error(error, self._address)
                if may_be_too_large(error, call):
                    failure = size_error(call, await self.limits()) or failure
                failure.__cause__ = error
            await self._wait(budget, failure)

    async def _video_lines(
        self, path: str | os.PathLike[str], format: VideoFormat, options: VideoOptions
    ) -> AsyncGenerator[str, None]:
        splitter = LineSplitter()
        async with aclosing(self.video_bytes(path, format=format, **options)) as pieces:
            async for piece in pieces:
                for line in splitter.feed(piece):
                    yield line
            for line in splitter.end():
                yield line

    def _retry_budget(self) -> RetryBudget:
        return RetryBudget(self._retries, self._max_wait_s)

    async def _wait(self, budget: RetryBudget, failure: FerError) -> None:
        wait_s = budget.wait_s(failure)
        if wait_s is None:
            raise failure
        await asyncio.sleep(wait_s)


class _Sender:
    """Shared by two tasks: one reads frames from their source, the other reads answers. Either may send."""

    def __init__(self) -> None:
        self.protocol = StreamProtocol()
        self.socket: ClientConnection | None = None
        self.failure: Exception | None = None

    async def read_frames(self, frames: AsyncIterable[bytes]) -> None:
        try:
            async for frame in frames:
                self.protocol.offer(frame)
                await self._send_ready()
        # Whatever the caller's frames raise is raised again where the answers are read.
        except Exception as error:
            self.failure = error
        self.protocol.end()
        await self._send_ready()

    async def connect(self, socket: ClientConnection, credits: int) -> None:
        self.socket = socket
        self.protocol.start_session(credits)
        await self._send_ready()

    async def receive(self, message: str | bytes) -> StreamResult | FrameRefused | None:
        result = self.protocol.receive(message)
        await self._send_ready()
        return result

    async def _send_ready(self) -> None:
        # The task that reads answers meets the same end of the connection, and handles it.
        with suppress(ConnectionClosed):
            while self.socket is not None and (message := self.protocol.next_message()) is not None:
                await self.socket.send(message)
