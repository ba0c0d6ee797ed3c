"""Batches sent through a real socket, so that a test decides when it sends and when it reads."""

import json
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from fastapi import FastAPI
from httpx2 import Response

URL = "/v1/predict/batch"
NDJSON = {"accept": "application/x-ndjson"}
BOUNDARY = "----between"
END = f"--{BOUNDARY}--\r\n".encode()


def part(content: bytes, header: str = 'form-data; name="file"; filename="a.png"') -> bytes:
    """A file as a part of a form."""
    return f"--{BOUNDARY}\r\nContent-Disposition: {header}\r\n\r\n".encode() + content + b"\r\n"


def form(files: Iterable[bytes]) -> bytes:
    return b"".join(map(part, files)) + END


def parts(files: Iterable[bytes]) -> list[tuple[str, tuple[str, bytes]]]:
    """The same as a client's argument `files`."""
    return [("file", (f"{number}.jpg", content)) for number, content in enumerate(files)]


def entries(response: Response) -> list[dict[str, Any]]:
    assert response.status_code == 200, response.text
    if response.headers["content-type"] == "application/json":
        (name,) = response.json()
        assert name == "entries"
        found: list[dict[str, Any]] = response.json()["entries"]
    else:
        assert response.headers["content-type"] == "application/x-ndjson"
        found = [json.loads(line) for line in response.text.splitlines()]
    assert [entry["index"] for entry in found] == list(range(len(found)))
    return found


def is_idle(app: FastAPI) -> bool:
    """True where no batch holds anything."""
    state = app.state.service
    room = state.settings.workers + min(1, state.settings.queue)
    return bool(
        state.batches.taken == 0
        and state.budget.held == 0
        and state.batch_room.free == room
        and state.pool.idle == state.settings.workers
    )


class Caller:
    """A client with a form of unknown length, in chunks, and the answer's lines."""

    def __init__(self, connection: socket.socket, query: str) -> None:
        self.connection = connection
        self._reader = connection.makefile("rb")
        head = [f"POST {URL}?{query} HTTP/1.1", "Host: 127.0.0.1", "Transfer-Encoding: chunked"]
        head += [f"Content-Type: multipart/form-data; boundary={BOUNDARY}", "Accept: application/x-ndjson"]
        connection.sendall("\r\n".join([*head, "", ""]).encode())

    def send(self, piece: bytes) -> None:
        self.connection.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))

    def end(self) -> None:
        self.send(END)
        self.connection.sendall(b"0\r\n\r\n")

    def head(self) -> str:
        """The status line and the header of the answer."""
        return b"".join(iter(self._reader.readline, b"\r\n")).decode()

    def lines(self) -> Iterator[dict[str, Any]]:
        """The lines after the head, until the answer or the connection ends."""
        rest = b""
        while (size := int(self._reader.readline() or b"0", 16)) > 0:
            *whole, rest = (rest + self._reader.read(size)).split(b"\n")
            self._reader.readline()
            yield from map(json.loads, whole)
        assert not rest

    def close(self) -> None:
        self._reader.close()
        self.connection.close()


@contextmanager
def calling(url: str, query: str = "crop=whole") -> Iterator[Caller]:
    address = urlsplit(url)
    caller = Caller(socket.create_connection((address.hostname, address.port), timeout=60), query)
    try:
        yield caller
    finally:
        caller.close()
