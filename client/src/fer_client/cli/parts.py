"""One table of many videos, which goes on where it was stopped."""

import csv
import hashlib
import io
import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from fer_client.cli import text
from fer_client.cli.outputs import service_format, write_whole
from fer_client.cli.table import Table
from fer_client.errors import ServiceError


class TableParts:
    """The rows of each video in a file of its own, in the folder TABLE.parts, until all are there.

    A part gets its name once it is whole, so after a stop, whatever stopped it, the same command reads only what is
    missing. Parts that were made with other options, or of a video that has changed since, are not used.
    """

    def __init__(self, table: Path, form: str, asked: Mapping[str, Any]):
        self._table, self._form = table, form
        self._folder = table.with_name(f"{table.name}.parts")
        self._asked = json.dumps(asked, sort_keys=True, default=str)
        self._errors: dict[Path, Exception] = {}

    def part(self, video: Path) -> Path:
        """The file of a video's rows."""
        state = video.stat()
        name = f"{self._asked}\n{video}\n{state.st_size}\n{state.st_mtime_ns}"
        return self._folder / hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()

    def add(self, video: Path, pieces: Iterable[bytes]) -> None:
        """Raises what `pieces` raises."""
        self._folder.mkdir(parents=True, exist_ok=True)
        write_whole(self.part(video), pieces, service_format(self._form))

    def fail(self, video: Path, error: Exception) -> None:
        """The video's rows end with an error. It is read again if the command is."""
        self._errors[video] = error

    def finish(self, videos: Iterable[Path], header: Callable[[], Table]) -> None:
        """Writes the table, in the order of `videos`, and takes the parts away."""
        rows = self._csv(videos, header()) if service_format(self._form) == "csv" else self._ndjson(videos)
        self._table.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self._table, rows, self._form)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _csv(self, videos: Iterable[Path], table: Table) -> Iterator[bytes]:
        yield _line(table.header())
        for video in videos:
            rows = list(csv.reader(io.StringIO(self._kept(video), newline="")))[1:]
            error = self._errors.get(video)
            # The service's own row of an error has no file's name, and a video without a face has no row at all.
            rows = [row for row in rows if any(row[:-1])]
            for row in rows:
                yield _line(table.row(str(video), row))
            if error is not None:
                yield _line(table.error(str(video), error))
            elif not rows:
                yield _line(table.nothing(str(video)))

    def _ndjson(self, videos: Iterable[Path]) -> Iterator[bytes]:
        for video in videos:
            for line in filter(None, self._kept(video).split("\n")):
                document = json.loads(line)
                if document.get("type") != "error":
                    yield _line(text.json_line({"file": str(video), **document}))
            error = self._errors.get(video)
            if error is not None:
                code = error.code if isinstance(error, ServiceError) else ""
                detail = error.detail if isinstance(error, ServiceError) else text.error_text(error)
                yield _line(text.json_line({"file": str(video), "type": "error", "code": code, "detail": detail}))

    def _kept(self, video: Path) -> str:
        """The rows of a video: all of them, or those before its error."""
        try:
            part = self.part(video)
        except OSError:
            return ""
        for path in (part, part.with_name(f"{part.name}.part")):
            if path.exists() and (path == part) is (video not in self._errors):
                return path.read_text(encoding="utf-8")
        return ""


def _line(line: str) -> bytes:
    return f"{line}\n".encode("utf-8", "surrogateescape")
