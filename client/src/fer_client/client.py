"""The client for programs without asyncio."""

import os
import threading
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Self, Unpack

import httpx2
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from fer_client.errors import BadAnswer, FerError
from fer_client.images import Image, body_of
from fer_client.many import Many
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
from fer_client.sender import Sender
from fer_client.stream import handshake, session_credits, session_update, stream_error
from fer_client.surroundings import open_http
from fer_client.video_lines import LineSplitter, TextFormat, VideoFormat, check_text_line, read_video_line


class Client:
    """One service, at `base_url`. `timeout` is for connecting and for each wait for data, in seconds.

    A call is tried again up to `retries` times where the service is busy or the connection fails. It waits as long as
    the service asks, but in all no longer than `max_wait_s` seconds. Every call may be repeated: the service keeps
    nothing. `api_key` is sent where the service needs one. Raises ValueError for a `base_url` that is not an http or
    https URL, and for what is no key; Unreachable where the environment names a proxy or certificates that are no use.
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
        self._http = open_http(httpx2.Client, self._address, self._headers, timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    # --- calls ---------------------------------------------------------------------------------

    def predict(self, image: Image, **options: Unpack[PredictOptions]) -> Result:
        """The faces of one picture; see `fer_client.images.Image` for its forms.

        Raises FerError, OSError for a path, and TypeError or ValueError for what is no picture.
        """
        return read(Result, self._json(Call("POST", PREDICT, options, body_of(image))))

    def predict_many(
        self, paths: Iterable[str | os.PathLike[str]], *, jobs: int = 4, **options: Unpack[PredictOptions]
    ) -> Generator[tuple[Path, Result | FerError | OSError], None, None]:
        """Each path with its result, in order. An error takes the place of a result.

        A few files are sent in `jobs` requests at a time, more in batches, which are faster, unless `jobs` is 1. Only a
        few are in memory, however many there are. The requests run in threads.
        """
        many = Many(self._http, self._address, options, lambda path: self.predict(path, **options), self._retry_budget)
        yield from many.answers(map(Path, paths), jobs)

    def video(
        self, path: str | os.PathLike[str], **options: Unpack[VideoOptions]
    ) -> Generator[VideoFrame | VideoSummary, None, None]:
        """The analysed frames of a video file while the service reads it, the summary last.

        The file is sent in pieces and never in memory as a whole. Raises OSError for the path, and FerError: after
        the frames before it, where the service cannot go on.
        """
        result: VideoFrame | VideoSummary | None = None
        for line in self._video_lines(path, "ndjson", options):
            result = read_video_line(line)
            yield result
        if not isinstance(result, VideoSummary):
            raise BadAnswer(f"{self._address} ended its answer before the summary")

    def video_text(
        self, path: str | os.PathLike[str], *, format: TextFormat, **options: Unpack[VideoOptions]
    ) -> Generator[str, None, None]:
        """The lines of a video's CSV or WebVTT, without their ends.

        Raises as `video`; ServiceError comes after the line that tells of the error.
        """
        for line in self._video_lines(path, format, options):
            yield line
            check_text_line(line, format)

    def video_bytes(
        self,
        path: str | os.PathLike[str],
        *,
        format: VideoFormat,
        on_open: Callable[[float | None], object] | None = None,
        **options: Unpack[VideoOptions],
    ) -> Generator[bytes, None, None]:
        """A video's answer as the service sends it, in pieces; with `mp4` or `webm` the video with everything drawn.

        `on_open` is called before the first piece with the seconds that the file says it lasts, or None. Raises as
        `video`; in a text an error is its last line, of a video that cannot be drawn to its end the connection breaks.
        """
        response = self._send(Call("POST", VIDEO, {**options, "format": format}, path), stream=True)
        try:
            if on_open is not None:
                on_open(declared_s(response))
            yield from response.iter_bytes()
        except httpx2.RequestError as error:
            raise request_error(error, self._address) from error
        finally:
            response.close()

    def stream(
        self, frames: Iterable[bytes], **options: Unpack[StreamOptions]
    ) -> Generator[StreamResult | FrameRefused, None, None]:
        """Results for live frames, each a JPEG, PNG or WebP file's bytes. Only the newest frame is ever sent.

        `frames` is read in a thread of its own. A session that ends is followed by a new one. Raises FerError where
        the service refuses the stream, and whatever `frames` raises.
        """
        sender = Sender()
        threading.Thread(target=sender.read_frames, args=(frames,), daemon=True).start()
        budget = self._retry_budget()
        try:
            while True:
                try:
                    with connect(**handshake(self._address, self._timeout_s, self._headers)) as socket:
                        credits = session_credits(socket.recv(self._timeout_s))
                        socket.send(session_update(without_none(options)))
                        sender.connect(socket, credits)
                        while True:
                            result = sender.receive(socket.recv())
                            if result is not None:
                                budget = self._retry_budget()
                                yield result
                except (OSError, WebSocketException, ImportError) as error:
                    failure = stream_error(error, self._address)
                    failure.__cause__ = error
                sender.disconnect()
                if sender.done:
                    break
                self._wait(budget, failure)
        finally:
            sender.stop()
        if sender.failure is not None:
            raise sender.failure

    def model(self) -> ModelDescription:
        """What the service says of its model. Raises FerError."""
        return read(ModelDescription, self._json(Call("GET", MODEL)))

    def limits(self) -> Limits:
        """The limits in force. Raises FerError."""
        return read(Limits, self._json(Call("GET", LIMITS)))

    # --- requests ------------------------------------------------------------------------------

    def _json(self, call: Call) -> object:
        return read_json(self._send(call), self._address)

    def _send(self, call: Call, *, stream: bool = False) -> httpx2.Response:
        """The response, after retries; with `stream` its body is still to be read and closed."""
        budget = self._retry_budget()
        while True:
            try:
                response = self._http.send(call.request(self._http), stream=stream)
                if response.is_success:
                    return response
                response.read()
                failure = response_error(response, self._address)
            except httpx2.RequestError as error:
                failure = request_error(error, self._address)
                if may_be_too_large(error, call):
                    failure = size_error(call, self.limits()) or failure
                failure.__cause__ = error
            self._wait(budget, failure)

    def _video_lines(
        self, path: str | os.PathLike[str], format: VideoFormat, options: VideoOptions
    ) -> Generator[str, None, None]:
        splitter = LineSplitter()
        with closing(self.video_bytes(path, format=format, **options)) as pieces:
            for piece in pieces:
                yield from splitter.feed(piece)
            yield from splitter.end()

    def _retry_budget(self) -> RetryBudget:
        return RetryBudget(self._retries, self._max_wait_s)

    def _wait(self, budget: RetryBudget, failure: FerError) -> None:
        wait_s = budget.wait_s(failure)
        if wait_s is None:
            raise failure
        time.sleep(wait_s)
