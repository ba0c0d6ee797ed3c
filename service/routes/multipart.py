"""The files of a multipart form, one after the other while the body arrives. Nothing is written to disk."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect
from starlette.types import Message

from ..problems import BodyTooLarge, BodyTooSlow, DeadlineExceeded, Draining, MalformedBody, Overloaded, Problem
from ..workers.budget import Reservation
from .file_form import callbacks_of

# Bytes of a part's header: a name, a file name, and a type that nobody reads.
_MOST_HEADER_BYTES = 4096
# Seconds after which a reader that waits for its client looks whether the service has begun to stop.
_LOOK_S = 0.25
# Seconds without a byte after which a client that does not end its form is not waited for.
_IDLE_S = 1.0
_FORM = "The body must be multipart/form-data; each part must be a file named 'file'."

File = bytes | Problem
"""A file, or the problem that stands in its place."""


class FormFiles:
    """The files of a request's form in order, each whole and in memory. No more of the body is read than was asked for.

    A file over `most_bytes` is skipped, with BodyTooLarge in its place, and so is one for which `memory` has no room,
    with Overloaded; whoever takes a file gives its memory back. `file_timeout_s` is how long the service waits for the
    bytes of one file, `silence_s` how long for any, `deadline_s` how long the whole form may take.
    """

    def __init__(
        self,
        request: Request,
        memory: Reservation,
        *,
        most_bytes: int,
        file_timeout_s: float,
        silence_s: float,
        deadline_s: float,
        draining: asyncio.Event,
    ) -> None:
        """Raises MalformedBody for a request without a form."""
        self._receive, self._draining = request.receive, draining
        self._file_timeout_s, self._deadline_s = file_timeout_s, deadline_s
        self._silence_s, self._left_s = silence_s, file_timeout_s
        self._until = asyncio.get_running_loop().time() + deadline_s
        self._form = _Form(_boundary(request), most_bytes, memory)
        self.is_read = False
        """True once the body has arrived to its end."""

    async def begin(self) -> None:
        """Read until the first file begins. Raises as `files`."""
        while not (self._form.has_begun or self._form.failure or self.is_read):
            self._form.write(await self._chunk())
        if not self._form.has_begun:
            raise self._form.failure or MalformedBody(_FORM)

    async def files(self) -> AsyncGenerator[File]:
        """All files. A problem of the form itself is raised after the files that were complete before it.

        Raises BodyTooSlow, ClientDisconnect, DeadlineExceeded, Draining, MalformedBody.
        """
        while True:
            while self._form.complete:
                self._left_s = self._file_timeout_s
                yield self._form.complete.popleft()
            if self._form.failure:
                raise self._form.failure
            if self.is_read:
                break
            self._form.write(await self._chunk())
        if not self._form.has_ended:
            raise MalformedBody("The body ended before the form did.")

    async def discard(self) -> None:
        """Read what is left of the body and forget it, while it keeps arriving, for as long as a file may take.

        Many clients read nothing before they have sent all, and lose an answer after which the connection is closed.
        Raises ClientDisconnect.
        """
        self._until = asyncio.get_running_loop().time() + self._file_timeout_s
        try:
            while not self.is_read:
                self._left_s = _IDLE_S
                await self._chunk()
        except Problem:
            return

    async def _chunk(self) -> bytes:
        message = await self._message()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        self.is_read = not message.get("more_body", False)
        return message.get("body", b"")  # type: ignore[no-any-return]

    async def _message(self) -> Message:
        loop = asyncio.get_running_loop()
        asked = loop.time()
        while True:
            started = loop.time()
            self._check(started)
            if started - asked >= self._silence_s:
                raise BodyTooSlow(f"Nothing arrived for {self._silence_s:g} s.", limit=self._silence_s)
            try:
                async with asyncio.timeout(min(_LOOK_S, self._left_s, self._until - started)):
                    return await self._receive()
            except TimeoutError:
                continue
            finally:
                self._left_s -= loop.time() - started

    def _check(self, now: float) -> None:
        if self._draining.is_set():
            raise Draining("The service is shutting down; send the rest to another one.", retry_after_s=5)
        if now >= self._until:
            limit_s = self._deadline_s
            raise DeadlineExceeded(f"The batch was not complete within {limit_s:g} s; send the rest.", limit=limit_s)
        if self._left_s <= 0:
            limit_s = self._file_timeout_s
            raise BodyTooSlow(f"A file did not arrive within {limit_s:g} s.", limit=limit_s)


class _Form:
    """What the parser has found: `complete` files, and the `failure` after which nothing can be found any more."""

    def __init__(self, boundary: bytes, most_bytes: int, memory: Reservation) -> None:
        self._most_bytes, self._memory = most_bytes, memory
        self._content = bytearray()
        self._instead: Problem | None = None
        self._field = self._value = self._disposition = b""
        self.complete: deque[File] = deque()
        self.failure: Problem | None = None
        self.has_begun = self.has_ended = False
        callbacks = callbacks_of(self, _CALLBACKS)
        try:
            self._parser = MultipartParser(boundary, callbacks, max_header_size=_MOST_HEADER_BYTES)
        except FormParserError as error:
            raise MalformedBody(_FORM) from error

    def write(self, chunk: bytes) -> None:
        try:
            self._parser.write(chunk)
        except FormParserError:
            self.failure = MalformedBody(_FORM)
        except MalformedBody as problem:
            self.failure = problem

    def _on_part_begin(self) -> None:
        self._disposition, self._instead = b"", None

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        if self._field.lower() == b"content-disposition":
            self._disposition = self._value
        self._field = self._value = b""

    def _on_headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        if options.get(b"name") != b"file" or b"filename" not in options:
            raise MalformedBody(_FORM)
        self.has_begun = True

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._instead is not None:
            return
        size = len(self._content) + end - start
        try:
            if size > self._most_bytes:
                raise BodyTooLarge(f"The file is larger than {self._most_bytes:,} bytes.", limit=self._most_bytes)
            self._hold(end - start, size)
            self._content += data[start:end]
        except Problem as problem:
            self._instead = problem
            self._memory.hold(self._memory.held - len(self._content))
            self._content = bytearray()

    def _hold(self, more: int, size: int) -> None:
        """Raises BodyTooLarge where a file of this size can never be held, Overloaded where there is no room now."""
        try:
            self._memory.hold(self._memory.held + more)
        except BodyTooLarge as problem:
            if problem.limit is not None and size > problem.limit:
                raise
            raise Overloaded(
                "There is no memory left for another file; try again shortly.", limit=problem.limit
            ) from None

    def _on_part_end(self) -> None:
        self.complete.append(self._file())
        self._content = bytearray()

    def _on_end(self) -> None:
        self.has_ended = True

    def _file(self) -> File:
        if self._instead is not None:
            return self._instead
        return bytes(self._content) or MalformedBody("The file is empty; it should be an image.")


_CALLBACKS = (
    *("on_part_begin", "on_part_data", "on_part_end", "on_end"),
    *("on_header_field", "on_header_value", "on_header_end", "on_headers_finished"),
)


def _boundary(request: Request) -> bytes:
    kind, options = parse_options_header(request.headers.get("content-type"))
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise MalformedBody(_FORM)
    return options[b"boundary"]
