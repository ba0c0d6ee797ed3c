"""A client of fer.v1 for checks: what it receives is returned unchanged."""

import base64
import json
import os
import socket
import ssl
import struct
import time
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

PHOTO = (Path(__file__).parents[1] / "data" / "astronaut.jpg").read_bytes()
PATIENCE_S = 30.0

Message = dict[str, Any]


class Service:
    """A stream's address, and the limits that its service publishes."""

    def __init__(self, url: str) -> None:
        self.url = url
        parts = urlsplit(url)
        self.host = parts.netloc
        self.origin = f"{'https' if parts.scheme == 'wss' else 'http'}://{parts.netloc}"
        with urllib.request.urlopen(f"{self.origin}/v1/limits", timeout=PATIENCE_S) as answer:  # noqa: S310
            self.limits: Message = json.load(answer)

    def connect(self, subprotocols: tuple[str, ...] = ("fer.v1",), origin: str | None = None) -> ClientConnection:
        """A connection that takes whatever the service sends."""
        return connect(
            self.url,
            subprotocols=[Subprotocol(name) for name in subprotocols] or None,
            origin=None if origin is None else Origin(origin),
            open_timeout=PATIENCE_S,
            max_size=None,
            max_queue=None,
        )

    def session(self) -> "Session":
        """A session; asked for again where those that are only just ending still have their places."""
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                return Session(self)
            except ConnectionClosed as closed:
                if closed.rcvd is None or closed.rcvd.code != 1013 or time.monotonic() > until:
                    raise
            time.sleep(0.2)

    def unread(self) -> socket.socket:
        """A session over a bare socket that has been created with little room for what it does not read."""
        parts = urlsplit(self.url)
        plain = socket.socket(socket.AF_INET6 if ":" in (parts.hostname or "") else socket.AF_INET)
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        plain.settimeout(PATIENCE_S)
        plain.connect((parts.hostname, parts.port or (443 if parts.scheme == "wss" else 80)))
        if parts.scheme == "wss":
            plain = ssl.create_default_context().wrap_socket(plain, server_hostname=parts.hostname)
        key = base64.b64encode(os.urandom(16)).decode()
        plain.sendall(
            f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
        )
        plain.recv(1)
        return plain


class Session:
    """A session that has been created."""

    def __init__(self, service: Service) -> None:
        self.socket = service.connect()
        try:
            self.created = self.receive()
        except BaseException:
            self.socket.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.socket.close()

    def send(self, kind: str, **members: object) -> None:
        self.socket.send(json.dumps({"type": kind, **members}))

    def send_frame(self, image: bytes, frame_id: int | None = None, captured_ms: float = 0.0) -> None:
        """Send a frame, with a header where it has an id."""
        header = b"" if frame_id is None else struct.pack(">4sId", b"FER1", frame_id, captured_ms)
        self.socket.send(header + image)

    def receive(self) -> Message:
        message: Message = json.loads(self.socket.recv(timeout=PATIENCE_S))
        return message

    def command(self, kind: str, **members: object) -> Message:
        """What a text message is answered with."""
        self.send(kind, **members)
        return self.receive()

    def analyse(self, image: bytes, frame_id: int | None = None) -> Message:
        """What a frame is answered with."""
        self.send_frame(image, frame_id)
        return self.receive()

    def end(self) -> tuple[list[Message], int | None]:
        return end(self.socket)


def end(socket: ClientConnection, patience_s: float = PATIENCE_S) -> tuple[list[Message], int | None]:
    """What is still sent, and the close code; None where the connection was cut."""
    received = []
    try:
        while True:
            received.append(json.loads(socket.recv(timeout=patience_s)))
    except ConnectionClosed as closed:
        return received, closed.rcvd.code if closed.rcvd else None
