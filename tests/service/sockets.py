"""Requests as bytes, for what no HTTP client would send."""

import json
import socket
import time
from typing import Any


def connect(address: str, source: str = "127.0.0.1") -> socket.socket:
    host, _, port = address.rpartition(":")
    return socket.create_connection((host, int(port)), timeout=20, source_address=(source, 0))


def head(first: str, *headers: str) -> bytes:
    return "".join(f"{line}\r\n" for line in (first, "Host: localhost", *headers, "")).encode()


def post(path: str, *headers: str, body: bytes | None = None) -> bytes:
    lengths = () if body is None else (f"Content-Length: {len(body)}",)
    return head(f"POST {path} HTTP/1.1", *lengths, *headers) + (body or b"")


def read_answer(connection: socket.socket) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of the next answer that is not 1xx. Raises ConnectionError where there is none."""
    content = b""
    while True:
        while b"\r\n\r\n" not in content:
            content += _more(connection)
        first, _, content = content.partition(b"\r\n\r\n")
        status = int(first[9:12])
        if status >= 200:
            break
    headers = dict(line.lower().split(": ", 1) for line in first.decode().split("\r\n")[1:])
    size = int(headers.get("content-length", 0))
    while len(content) < size:
        content += _more(connection)
    return status, headers, content


def exchange(address: str, request: bytes) -> tuple[int, dict[str, str], bytes]:
    """The answer to bytes that are all sent before anything is read."""
    with connect(address) as connection:
        connection.sendall(request)
        return read_answer(connection)


def assert_raw_problem(answer: tuple[int, dict[str, str], bytes], status: int, code: str) -> dict[str, Any]:
    """A problem with an id, after which the connection ends."""
    got, headers, body = answer
    assert got == status, body
    assert headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = json.loads(body)
    assert (document["status"], document["code"]) == (status, code)
    assert document["request_id"] == headers["x-request-id"]
    return document


def ends(connection: socket.socket) -> float:
    """Seconds until the service ends the connection; what it still sends is read."""
    begun = time.monotonic()
    try:
        while connection.recv(2**16):
            pass
    except ConnectionError:
        pass
    return time.monotonic() - begun


def _more(connection: socket.socket) -> bytes:
    chunk = connection.recv(2**16)
    if not chunk:
        raise ConnectionError("the connection ended before the answer did")
    return chunk
