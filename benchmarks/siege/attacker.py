"""Attacker: sockets of one address that say what no client would, and what came of it."""

import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

SOURCE = "127.0.0.1"
_HANDSHAKE = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)


@dataclass
class Attacker:
    """`seconds` is how long an attack goes on that could go on for ever."""

    host: str
    port: int
    seconds: float
    statuses: Counter[int] = field(default_factory=Counter)
    silent: list[socket.socket] = field(default_factory=list)
    """Connections that the attack keeps open without a request."""
    sessions: list[socket.socket] = field(default_factory=list)
    """Streams that it keeps open."""

    def connect(self) -> socket.socket:
        source = (SOURCE, 0) if self.host.startswith("127.") else None
        return socket.create_connection((self.host, self.port), timeout=30, source_address=source)

    def head(self, first: str, *headers: str) -> bytes:
        host = () if any(each.lower().startswith("host:") for each in headers) else (f"Host: {self.host}:{self.port}",)
        return "".join(f"{line}\r\n" for line in (f"{first} HTTP/1.1", *host, *headers, "")).encode()

    def post(self, path: str, body: bytes, *headers: str) -> bytes:
        return self.head(f"POST {path}", f"Content-Length: {len(body)}", *headers) + body

    def ask(self, request: bytes) -> None:
        """One request on a connection of its own, and its status."""
        with self.connect() as connection:
            self.send(connection, request)
            self.read_status(connection)

    def open_stream(self) -> socket.socket:
        connection = self.connect()
        connection.sendall(self.head("GET /v1/stream", *_HANDSHAKE))
        return connection

    def send(self, connection: socket.socket, content: bytes) -> bool:
        """False where the service does not want it, which is what it should do."""
        try:
            connection.sendall(content)
        except OSError:
            return False
        return True

    def read_status(self, connection: socket.socket) -> None:
        """Count the status of the answer, 0 for none."""
        answer = b""
        with suppress(OSError):
            while b"\r\n\r\n" not in answer and (chunk := connection.recv(2**16)):
                answer += chunk
        self.statuses[int(answer[9:12]) if answer.startswith(b"HTTP/1.1 ") else 0] += 1

    def repeat(self, act: Callable[[], None], callers: int) -> None:
        """So many callers, each of which acts again and again until the time is over."""
        until = time.monotonic() + self.seconds

        def call() -> None:
            while time.monotonic() < until:
                try:
                    act()
                except OSError:
                    # Refused before it had begun; no faster than a client that is told to wait.
                    time.sleep(0.05)

        self.at_once([call] * callers)

    def at_once(self, acts: list[Callable[[], None]]) -> None:
        threads = [threading.Thread(target=act) for act in acts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def is_open(connection: socket.socket) -> bool:
    """What the service has sent is read; True where the end is not among it."""
    connection.setblocking(False)
    try:
        while connection.recv(2**16):
            pass
    except BlockingIOError:
        return True
    except OSError:
        pass
    return False
