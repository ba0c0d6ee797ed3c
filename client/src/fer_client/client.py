"""The client for programs that wait for their answers."""

import os
import threading
import time
from collections.abc import Generator, Iterable
from contextlib import suppress
from types import TracebackType
from typing import Self, Unpack

import httpx2
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.client import ClientConnection, connect

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


class Client:
    """One service. `timeout` is for connecting and for each wait on an answer, in seconds.

    A call that meets a busy service (429, 503) or no connection is tried again up to `retries` times, waiting as long
    as the service asks but in all no longer than `max_wait_s`. Every call may be repeated: the service keeps nothing.
    """

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
        self._http = httpx2.Client(base_url=base_url, headers=self._target.headers, timeout=timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    # --- calls ---------------------------------------------------------------------------------

    def predict(self, image: Image, **options: Unpack[PredictOptions]) -> Result:
        """The faces of one image file, given as its bytes or its path. Raises FerError, or OSError for the path."""
        return read(Result, self._json(Call("POST", "v1/predict", options, image)))

    def video(
        self, path: str | os.PathLike[str], **options: Unpack[VideoOptions]
    ) -> Generator[VideoFrame | VideoSummary, None, None]:
        """The frames of a film while it is analysed, the summary last; the file is sent from disk.

        Raises FerError, after the frames before it, where the service cannot go on.
        """
        said: VideoFrame | VideoSummary | None = None
        for line in self._video_lines(path, "ndjson", options):
            said = video_line(line)
            yield said
        if not isinstance(said, VideoSummary):
            raise BadAnswer(f"{self._target.name} ended its answer before the summary")

    def video_text(
        self, path: str | os.PathLike[str], *, format: TextFormat, **options: Unpack[VideoOptions]
    ) -> Generator[str, None, None]:
        """The lines of a film's answer as the service writes it. Raises ServiceError after one that tells an error."""
        for line in self._video_lines(path, format, options):
            yield line
            check_text(line, format)

    def stream(
        self, frames: Iterable[bytes], **options: Unpack[StreamOptions]
    ) -> Generator[StreamResult | FrameRefused, None, None]:
        """Results for live pictures (JPEG, PNG or WebP): always the newest one is sent, the others are left out.

        `frames` is read in a thread of its own. A session that ends is followed by a new one. Raises FerError where
        the service refuses, and whatever `frames` raises.
        """
        sender = _Sender()
        threading.Thread(target=sender.take, args=(frames,), daemon=True).start()
        patience = self._patience()
        try:
            while True:
                try:
                    with connect(self._target.stream_url, **flow.handshake(self._target, self._timeout_s)) as socket:
                        credits = flow.greeting_credits(socket.recv(self._timeout_s))
                        socket.send(flow.session_update(given(options)))
                        sender.connect(socket, credits)
                        while True:
                            answer = sender.hear(socket.recv())
                            if answer is not None:
                                patience = self._patience()
                                yield answer
                except (OSError, WebSocketException) as error:
                    failure = flow.stream_lost(error, self._target)
                    failure.__cause__ = error
                sender.disconnect()
                if sender.done:
                    break
                self._wait(patience, failure)
        finally:
            sender.stop()
        if sender.failure is not None:
            raise sender.failure

    def model(self) -> ModelDescription:
        return read(ModelDescription, self._json(Call("GET", "v1/model")))

    def limits(self) -> Limits:
        return read(Limits, self._json(Call("GET", "v1/limits")))

    # --- the exchange --------------------------------------------------------------------------

    def _json(self, call: Call) -> object:
        return document(self._send(call), self._target)

    def _send(self, call: Call, *, stream: bool = False) -> httpx2.Response:
        """The answer, whatever tries it takes; with `stream` its body is still to be read and closed."""
        patience = self._patience()
        while True:
            try:
                response = self._http.send(call.request(self._http), stream=stream)
                if response.is_success:
                    return response
                response.read()
                failure = http_refusal(response, self._target)
            except httpx2.RequestError as error:
                failure = lost(error, self._target)
                if hung_up(error, call):
                    failure = too_large(call, self.limits()) or failure
                failure.__cause__ = error
            self._wait(patience, failure)

    def _video_lines(
        self, path: str | os.PathLike[str], format: str, options: VideoOptions
    ) -> Generator[str, None, None]:
        call = Call("POST", VIDEO, {**options, "format": format}, path)
        response = self._send(call, stream=True)
        lines = Lines()
        try:
            for piece in response.iter_bytes():
                yield from lines.feed(piece)
            yield from lines.end()
        except httpx2.RequestError as error:
            raise lost(error, self._target) from error
        finally:
            response.close()

    def _patience(self) -> Patience:
        return Patience(self._retries, self._max_wait_s)

    def _wait(self, patience: Patience, failure: FerError) -> None:
        wait_s = patience.wait_s(failure)
        if wait_s is None:
            raise failure
        time.sleep(wait_s)


class _Sender:
    """Two threads meet here: one takes frames from their source, the other reads answers; either may send."""

    def __init__(self) -> None:
        self._flow, self._lock = Flow(), threading.Lock()
        self._socket: ClientConnection | None = None
        self._stopped = False
        self.failure: Exception | None = None

    @property
    def done(self) -> bool:
        with self._lock:
            return self._flow.done

    def take(self, frames: Iterable[bytes]) -> None:
        try:
            for frame in frames:
                with self._lock:
                    if self._stopped:
                        return
                    self._flow.offer(frame)
                    self._push()
        # Whatever the caller's frames raise is raised again where the answers are read.
        except Exception as error:
            self.failure = error
        with self._lock:
            self._flow.end()
            self._push()

    def connect(self, socket: ClientConnection, credits: int) -> None:
        with self._lock:
            self._socket = socket
            self._flow.greet(credits)
            self._push()

    def disconnect(self) -> None:
        with self._lock:
            self._socket = None

    def stop(self) -> None:
        """Nobody wants answers any more: no further frame is taken."""
        with self._lock:
            self._stopped, self._socket = True, None

    def hear(self, message: str | bytes) -> StreamResult | FrameRefused | None:
        with self._lock:
            answer = self._flow.hear(message)
            self._push()
        return answer

    def _push(self) -> None:
        if self._socket is None:
            return
        # The thread that reads meets the same end, and says what it means.
        with suppress(ConnectionClosed):
            while (message := self._flow.next_message()) is not None:
                self._socket.send(message)
