"""A form with one file, which is passed on while it arrives."""

import weakref
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from ..problems import MalformedBody

_WANTED = "The multipart form needs one part, a file named 'file', and nothing else."
# Bytes of a part's header: a name, a file name, and a type that nobody reads.
_MOST_HEADER_BYTES = 4096


class FileForm:
    """`multipart/form-data` with one part, a file named `file`; `write` is called with each piece of it.

    Raises MalformedBody for anything else, as soon as it is known.
    """

    def __init__(self, content_type: str, write: Callable[[bytes], object]) -> None:
        self._pass_on = write
        self._name, self._value, self._disposition = b"", b"", b""
        self._parts = 0
        self._ended = False
        _, options = parse_options_header(content_type)
        try:
            self._parser = MultipartParser(
                options.get(b"boundary", b""),
                callbacks_of(self, _CALLBACKS),
                max_header_size=_MOST_HEADER_BYTES,
            )
        except FormParserError as error:
            raise MalformedBody(_WANTED) from error

    def write(self, chunk: bytes) -> None:
        """The next chunk of the body."""
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise MalformedBody(_WANTED) from error

    def check(self) -> None:
        """To be called at the body's end."""
        if not self._ended or self._parts != 1:
            raise MalformedBody(_WANTED)

    def _on_part_begin(self) -> None:
        self._disposition = b""
        self._parts += 1

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        if self._name.lower() == b"content-disposition":
            self._disposition = self._value
        self._name = self._value = b""

    def _on_headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        if self._parts > 1 or options.get(b"name") != b"file" or b"filename" not in options:
            raise MalformedBody(_WANTED)

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        self._pass_on(data[start:end])

    def _on_end(self) -> None:
        self._ended = True


_CALLBACKS = (
    *("on_part_begin", "on_part_data", "on_end"),
    *("on_header_field", "on_header_value", "on_header_end", "on_headers_finished"),
)


def callbacks_of(form: object, names: Iterable[str]) -> Any:
    """For a parser: methods of the form that owns it. Their names begin with an underscore.

    They refer to the form weakly. What a client that has left had sent would otherwise stay in memory until Python
    looks for objects that refer to each other.
    """
    owner = weakref.proxy(form)
    return {name: partial(getattr(type(form), f"_{name}"), owner) for name in names}
