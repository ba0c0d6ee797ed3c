"""WebSocket as bytes, for what no client would send."""

import socket
import struct

from tests.service.sockets import connect, head

HANDSHAKE = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)
FIN = 0x80
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def frame(opcode: int, content: bytes = b"", fin: int = FIN) -> bytes:
    """A client's frame, masked with zeros."""
    size = bytes([0x80 | len(content)]) if len(content) < 126 else b"\xff" + struct.pack(">Q", len(content))
    return bytes([fin | opcode]) + size + bytes(4) + content


def opened(address: str) -> socket.socket:
    connection = connect(address)
    connection.sendall(head("GET /v1/stream HTTP/1.1", *HANDSHAKE))
    text = b""
    while not text.endswith(b"\r\n\r\n"):
        text += connection.recv(1)
    assert text.startswith(b"HTTP/1.1 101")
    return connection


def read_frame(connection: socket.socket) -> tuple[int, bytes]:
    """The opcode and the content of the next frame of the service."""
    first, size = _exactly(connection, 2)
    if size == 126:
        (size,) = struct.unpack(">H", _exactly(connection, 2))
    return first & 0xF, _exactly(connection, size)


def close_code(connection: socket.socket) -> int:
    """What the service closes with; messages before are read."""
    while True:
        opcode, content = read_frame(connection)
        if opcode == CLOSE:
            return int(struct.unpack(">H", content[:2])[0])


def _exactly(connection: socket.socket, size: int) -> bytes:
    content = b""
    while len(content) < size:
        chunk = connection.recv(size - len(content))
        if not chunk:
            raise ConnectionError("the connection ended before the frame did")
        content += chunk
    return content
