"""Many files in one request: the form that is sent, and the entries of its answer. Nothing here waits or connects."""

import json
import secrets
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from fer_client.errors import BadAnswer, FerError, ServiceError
from fer_client.requests import CHUNK_BYTES, Address
from fer_client.results import Problem, Result, read

# Measured with `python -m benchmarks.batch` on two cores: see docs/speed.md. Fewer files than BATCH_FROM are no faster
# in one request, and more than BATCH_FILES gain little, but their first answer comes later.
BATCH_FROM = 8
BATCH_FILES = 16
# So many batches at once: one is sent while the other is answered.
BATCHES = 2

Answer = Result | FerError | OSError
"""What one file gets."""


class Form:
    """The files of one batch. Where one cannot be read to its end, `unreadable` has why, by its number."""

    def __init__(self, paths: list[Path]):
        self._paths = paths
        self._boundary = secrets.token_hex(16)
        self.unreadable: dict[int, OSError] = {}

    @property
    def headers(self) -> dict[str, str]:
        return {
            "Accept": "application/x-ndjson",
            "Content-Type": f"multipart/form-data; boundary={self._boundary}",
        }

    def pieces(self) -> Iterator[bytes]:
        """The form, of which a piece is in memory at a time."""
        # Only the caller needs the file names.
        head = f'--{self._boundary}\r\nContent-Disposition: form-data; name="file"; filename="image"\r\n\r\n'.encode()
        for index, path in enumerate(self._paths):
            yield head
            try:
                with path.open("rb") as file:
                    while chunk := file.read(CHUNK_BYTES):
                        yield chunk
            except OSError as error:
                self.unreadable[index] = error
            yield b"\r\n"
        yield f"--{self._boundary}--\r\n".encode()


def read_entry(line: str, files: int) -> tuple[int, Result | ServiceError]:
    """The number of a file and its answer. Raises BadAnswer for a line that is not the service's."""
    try:
        entry = json.loads(line)
    except ValueError:
        entry = None
    match entry:
        case {"index": int(index), "result": dict(result)} if 0 <= index < files:
            return index, read(Result, result)
        case {"index": int(index), "error": dict(problem)} if 0 <= index < files:
            return index, read(Problem, problem).error()
    raise BadAnswer(f"a line of the batch is not one of this service's: {line[:80]}")


def check_answer(headers: Mapping[str, str], address: Address) -> None:
    """Raises BadAnswer for an answer that is no batch's."""
    if not headers.get("content-type", "").startswith("application/x-ndjson"):
        raise BadAnswer(f"{address} did not answer a batch with lines")


def groups(paths: Iterable[Path]) -> Iterator[list[Path]]:
    """The paths, as many at a time as a batch has files."""
    rest = iter(paths)
    while group := list(islice(rest, BATCH_FILES)):
        yield group


def fits(group: list[Path], options: Mapping[str, Any]) -> bool:
    """True for files that are answered sooner in one request.

    A pipe can be read only once. Heatmaps of all labels take more memory than the service keeps for a client that has
    not sent all its files yet.
    """
    return len(group) >= BATCH_FROM and options.get("target") != "all" and all(path.is_file() for path in group)


def is_refusal(error: FerError) -> bool:
    """True where a service that is neither busy nor gone takes no batch: an older one, or one behind a proxy."""
    return not error.retryable
