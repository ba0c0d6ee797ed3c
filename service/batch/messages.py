"""The entries of a batch's answer."""

import json
from typing import Any

from pydantic import Field

from ..schemas import Outgoing, ProblemDocument, Result

_INDEX = Field(description="number of the file in the form, from 0")


class BatchResult(Outgoing):
    """A file that was analysed."""

    index: int = _INDEX
    result: Result


class BatchError(Outgoing):
    """A file that was not analysed.

    Where the rest of the form is not read, this is the last entry and says why; all entries before it stay valid.
    """

    index: int = _INDEX
    error: ProblemDocument


class BatchAnswer(Outgoing):
    """An entry for each file, in order."""

    entries: list[BatchResult | BatchError]


def result_entry(index: int, result: bytes) -> bytes:
    """A BatchResult as JSON around a Result, which is JSON already."""
    return b'{"index":%d,"result":%b}' % (index, result)


def error_entry(index: int, problem: dict[str, Any]) -> bytes:
    """A BatchError as JSON around a problem document."""
    return json.dumps({"index": index, "error": problem}, separators=(",", ":")).encode()
