"""Messages between the service and its workers: a JSON header, and bytes beside it.

Nothing but JSON and bytes: where a hostile file has taken a worker over, its answers can say something false of that
file, but cannot make the service run anything, as a pickle could.
"""

import asyncio
import io
import json
import mmap
import os
import socket
import struct
from dataclasses import dataclass
from multiprocessing.reduction import DupFd
from pathlib import Path
from typing import Any, BinaryIO, cast

Header = dict[str, Any]

# Length of the header, length of the payload, in bytes.
_LENGTHS = struct.Struct(">II")
# The longest header of a worker, bytes: what it has loaded, or what a stream's tracker knows of thousands of faces.
_MOST_HEADER_BYTES = 2**21
# From here on a body goes through shared memory: less is as quick through the socket.
_SHARED_FROM_BYTES = 2**14
# Pages of the shared memory that a larger body has filled are given back after its task.
_KEPT_BYTES = 2**20


class Malformed(Exception):
    """A message that no worker sends: a hostile file may have taken this one over."""


class Inbox:
    """Memory that the service writes a body into and one worker reads it from, where the system has such (Linux).

    It exists before the worker gives up its right to open anything, so nothing has to be opened for a body. It may be
    handed to a process that is being started. Elsewhere bodies go through the socket.
    """

    def __init__(self, size: int, fd: int | None = None, *, read_only: bool = False) -> None:
        """`size` bytes, at least 1, of the file `fd` (which is closed with this), or of a new one in memory.

        `read_only`: `fd` is a file on disk, open for reading alone.
        """
        self._size, self._read_only = size, read_only
        self._fd = _memory_file(size) if fd is None else fd
        access = mmap.ACCESS_READ if read_only else mmap.ACCESS_WRITE
        self._memory = None if self._fd < 0 else mmap.mmap(self._fd, size, access=access)

    def __reduce__(self) -> tuple[Any, ...]:
        return _in_child, (self._size, None if self._fd < 0 else DupFd(self._fd), self._read_only)

    def takes(self, size: int) -> bool:
        """True where a body of `size` bytes goes through here; else it goes through the socket."""
        return self._memory is not None and _SHARED_FROM_BYTES <= size <= self._size

    def write(self, body: bytes) -> None:
        if self._memory is not None:
            self._memory[: len(body)] = body

    def read(self, size: int) -> bytes:
        return b"" if self._memory is None else self._memory[:size]

    def file(self) -> BinaryIO:
        """All of it as a file, not copied."""
        return io.BytesIO() if self._memory is None else cast(BinaryIO, self._memory)

    def forget(self, size: int) -> None:
        """Give the memory of a body of `size` bytes back to the system."""
        if self._memory is not None and size > _KEPT_BYTES:
            os.ftruncate(self._fd, 0)
            os.ftruncate(self._fd, self._size)

    def close(self) -> None:
        if self._memory is not None:
            self._memory.close()
            os.close(self._fd)


@dataclass(frozen=True)
class Body:
    """A task's body as a worker has it: in its inbox, or as it came through the socket."""

    inline: bytes
    inbox: Inbox | None = None
    size: int = 0

    def content(self) -> bytes:
        return self.inline if self.inbox is None else self.inbox.read(self.size)

    def file(self) -> BinaryIO:
        """The body as a file; of an inbox that holds nothing else, without a copy."""
        return io.BytesIO(self.inline) if self.inbox is None else self.inbox.file()


class Upload:
    """A body that is collected chunk by chunk, in the memory that a worker will read it from; or a file on disk."""

    def __init__(self, path: Path | None = None) -> None:
        """With a path, that file is the body as it is, and nothing is copied. Raises OSError.

        Its worker gets a descriptor that only reads: it can neither change the file nor, without a right to open
        anything, open it again.
        """
        self._is_on_disk = path is not None
        self._fd = _memory_file(0) if path is None else os.open(path, os.O_RDONLY)
        self.size = 0 if path is None else os.fstat(self._fd).st_size
        self._elsewhere = bytearray()

    def write(self, chunk: bytes) -> None:
        """Add a chunk. Raises MemoryError where the system has no more."""
        self.size += len(chunk)
        if self._fd < 0:
            self._elsewhere += chunk
            return
        rest = memoryview(chunk)
        while rest:
            rest = rest[os.write(self._fd, rest) :]

    def parcel(self) -> tuple[Inbox, bytes]:
        """The inbox of the worker that is to read the body, and what goes through the socket instead. Ends the upload.

        The body is not empty.
        """
        if self._fd >= 0:
            inbox, inline = Inbox(self.size, self._fd, read_only=self._is_on_disk), b""
        else:
            inbox, inline = Inbox(1), bytes(self._elsewhere)
        self._fd, self._elsewhere = -1, bytearray()
        return inbox, inline

    def close(self) -> None:
        """Give the memory back, where `parcel` has not passed it on."""
        if self._fd >= 0:
            os.close(self._fd)
        self._fd, self._elsewhere = -1, bytearray()


def _in_child(size: int, handle: Any, read_only: bool) -> Inbox:
    return Inbox(size, -1 if handle is None else handle.detach(), read_only=read_only)


def _memory_file(size: int) -> int:
    """The descriptor of a file of `size` bytes that is memory alone; -1 on systems without such files."""
    if not hasattr(os, "memfd_create"):
        return -1
    fd = os.memfd_create("fer-inbox")
    os.ftruncate(fd, size)
    return fd


def pack(header: Header, payload: bytes = b"") -> bytes:
    """A message as it goes over the socket."""
    encoded = json.dumps(header).encode()
    return b"".join((_LENGTHS.pack(len(encoded), len(payload)), encoded, payload))


async def receive(reader: asyncio.StreamReader, most_payload_bytes: int) -> tuple[Header, bytes]:
    """The next message of a worker.

    Raises asyncio.IncompleteReadError or OSError where the worker has ended, Malformed before anything is read that is
    longer than an honest worker's.
    """
    header_bytes, payload_bytes = _LENGTHS.unpack(await reader.readexactly(_LENGTHS.size))
    if header_bytes > _MOST_HEADER_BYTES or payload_bytes > most_payload_bytes:
        raise Malformed(f"a header of {header_bytes:,} and a payload of {payload_bytes:,} bytes")
    try:
        header = json.loads(await reader.readexactly(header_bytes))
    except (ValueError, RecursionError) as error:
        raise Malformed("the header is no JSON") from error
    if not isinstance(header, dict):
        raise Malformed("the header is no JSON object")
    return header, await reader.readexactly(payload_bytes)


def receive_blocking(connection: socket.socket) -> tuple[Header, bytes]:
    """The next message of the service, in a worker. Raises EOFError where the service has ended."""
    header_bytes, payload_bytes = _LENGTHS.unpack(_read_exactly(connection, _LENGTHS.size))
    header = json.loads(_read_exactly(connection, header_bytes))
    return header, _read_exactly(connection, payload_bytes)


def _read_exactly(connection: socket.socket, size: int) -> bytes:
    content = bytearray(size)
    view = memoryview(content)
    while view:
        received = connection.recv_into(view)
        if received == 0:
            raise EOFError
        view = view[received:]
    return bytes(content)
