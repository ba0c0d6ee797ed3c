"""The two threads of a live session: one reads frames, the other answers."""

import threading
from collections.abc import Iterable
from contextlib import suppress

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from fer_client.results import FrameRefused, StreamResult
from fer_client.stream import StreamProtocol


class Sender:
    """Shared by two threads: one reads frames from their source, the other reads answers. Either may send."""

    def __init__(self) -> None:
        self._protocol, self._lock = StreamProtocol(), threading.Lock()
        self._socket: ClientConnection | None = None
        self._stopped = False
        self.failure: Exception | None = None

    @property
    def done(self) -> bool:
        with self._lock:
            return self._protocol.done

    def read_frames(self, frames: Iterable[bytes]) -> None:
        try:
            for frame in frames:
                with self._lock:
                    if self._stopped:
                        return
                    self._protocol.offer(frame)
                    self._send_ready()
        # Whatever the caller's frames raise is raised again where the answers are read.
        except Exception as error:
            self.failure = error
        with self._lock:
            self._protocol.end()
            self._send_ready()

    def connect(self, socket: ClientConnection, credits: int) -> None:
        with self._lock:
            self._socket = socket
            self._protocol.start_session(credits)
            self._send_ready()

    def disconnect(self) -> None:
        with self._lock:
            self._socket = None

    def stop(self) -> None:
        """The caller wants no more answers: no further frame is read."""
        with self._lock:
            self._stopped, self._socket = True, None

    def receive(self, message: str | bytes) -> StreamResult | FrameRefused | None:
        with self._lock:
            result = self._protocol.receive(message)
            self._send_ready()
        return result

    def _send_ready(self) -> None:
        if self._socket is None:
            return
        # The thread that reads answers meets the same end of the connection, and handles it.
        with suppress(ConnectionClosed):
            while (message := self._protocol.next_message()) is not None:
                self._socket.send(message)
