"""A job's files in parts, what of it is done, and the table at the end.

Beside the table OUT lies the folder OUT.parts until the table is complete: `job.json`, which says what the job is, and
for each part that is done its rows and its problems, written under other names first, and on the disk before they get
their own. So whatever is killed, or loses power, a part is there or it is not, and a second call does what is missing.
"""

import csv
import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from deploy.ray.job import Job, JobError, changes

IMAGES = {".jpg", ".jpeg", ".png", ".webp"}
VIDEOS = {".mp4", ".m4v", ".mov", ".webm", ".mkv", ".avi"}

Row = dict[str, Any]


@dataclass(frozen=True)
class Problem:
    """A file without rows; `code` is that of the service's problem."""

    file: str
    code: str
    detail: str


@dataclass(frozen=True)
class Part:
    """Files that are done together: so many pictures, or one video."""

    number: int
    files: list[str]


def is_video(name: str) -> bool:
    return Path(name).suffix.lower() in VIDEOS


def find_files(folder: Path) -> tuple[list[str], int]:
    """The pictures and videos under a folder, sorted, relative to it; and how many other files there are.

    Hidden files and folders are passed over: `._photo.jpg` of other systems is no photo.
    """
    found, others = [], 0
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            if not name.startswith(".") and Path(name).suffix.lower() in IMAGES | VIDEOS:
                found.append(os.path.relpath(os.path.join(root, name), folder))  # noqa: PTH118 - millions of names
            else:
                others += 1
    return sorted(found), others


def parts_of(files: Sequence[str], part_files: int) -> Iterator[Part]:
    """Pictures in parts of `part_files`, each video by itself, in the order of their names."""
    number, pictures = 0, [name for name in files if not is_video(name)]
    for first in range(0, len(pictures), part_files):
        yield Part(number, pictures[first : first + part_files])
        number += 1
    for name in filter(is_video, files):
        yield Part(number, [name])
        number += 1


def digest(names: Sequence[str]) -> str:
    """The SHA-256 of all names."""
    sha256 = hashlib.sha256()
    for name in names:
        sha256.update(os.fsencode(name) + b"\0")
    return sha256.hexdigest()


def schema(labels: Sequence[str], *, votes: bool) -> pa.Schema:
    """The columns of the table; `index` and `time_s` are those of a video's frame, null for pictures."""
    shares = [*labels, *(f"votes_{label}" for label in labels if votes)]
    return pa.schema(
        [
            ("file", pa.string()),
            ("index", pa.int64()),
            ("time_s", pa.float64()),
            ("face", pa.int64()),
            ("track_id", pa.int64()),
            *((name, pa.int64()) for name in ("x", "y", "width", "height")),
            ("emotion", pa.string()),
            ("confidence", pa.float64()),
            ("uncertain", pa.bool_()),
            ("prediction_set", pa.string()),
            *((name, pa.float64()) for name in shares),
        ]
    )


class Progress:
    """The folder OUT.parts. Many machines may write into it: each part is written by one of them."""

    def __init__(self, out: Path) -> None:
        self.out, self.folder = out, out.with_name(f"{out.name}.parts")
        self._job = self.folder / "job.json"

    def begin(self, job: Job) -> None:
        """Begin the job, or continue it. Raises JobError where another one has begun there or the table exists."""
        if self.out.exists():
            raise JobError(f"{self.out} exists: move it away, or choose another name.")
        if self._job.exists():
            try:
                begun = json.loads(self._job.read_text())
            except ValueError:
                raise JobError(
                    f"{self._job} is damaged, so nobody knows what job its folder belongs to: delete the folder."
                ) from None
            if changed := changes(begun, asdict(job)):
                raise JobError(f"{self.folder} belongs to another job: {changed}. Call as before, or delete it.")
        self.folder.mkdir(parents=True, exist_ok=True)
        self._replace(self._job, json.dumps(asdict(job), indent=1) + "\n")

    def remove_damaged(self) -> list[str]:
        """Remove the parts that cannot be read whole, so that they are done again; their names.

        A disk or a file system can leave such, and so did versions that did not wait for the disk.
        """
        damaged = [path for path in sorted(self.folder.glob("*.parquet")) if not self._is_whole(path)]
        for path in damaged:
            path.unlink()
        return [path.name for path in damaged]

    def is_done(self, number: int) -> bool:
        return self._rows(number).exists()

    def write(self, number: int, rows: list[Row], problems: list[Problem], columns: pa.Schema) -> None:
        """A part that is done. Its rows come last: they say that it is."""
        self._replace(self._problems(number), json.dumps([asdict(problem) for problem in problems]))
        # Checksums tell pages that never came to the disk from what was written.
        with self._replacing(self._rows(number)) as partial:
            pq.write_table(pa.Table.from_pylist(rows, columns), partial, write_page_checksum=True)

    def finish(self, job: Job, count: int, columns: pa.Schema) -> dict[str, Any]:
        """All `count` parts as one table, with OUT.problems.csv and OUT.manifest.json; returns the manifest.

        The table comes last: it says that the others are there.
        """
        faces = 0
        problems = [Problem(**each) for n in range(count) for each in json.loads(self._problems(n).read_text())]
        with self._replacing(self.out) as partial:
            with pq.ParquetWriter(partial, columns) as writer:
                for number in range(count):
                    table = _table(self._rows(number))
                    faces += len(table)
                    writer.write_table(table)
            manifest = asdict(job) | {"faces": faces, "problems": len(problems)}
            with self._replacing(self._beside("problems.csv")) as listed, listed.open("w", newline="") as file:
                writer_of_problems = csv.writer(file)
                writer_of_problems.writerow(("file", "code", "detail"))
                writer_of_problems.writerows(astuple(problem) for problem in problems)
            self._replace(self._beside("manifest.json"), json.dumps(manifest, indent=1) + "\n")
        shutil.rmtree(self.folder)
        return manifest

    def _is_whole(self, rows: Path) -> bool:
        try:
            _table(rows)
            json.loads(rows.with_suffix(".problems.json").read_text())
        except (OSError, ValueError, pa.ArrowException):
            return False
        return True

    def _replace(self, path: Path, text: str) -> None:
        with self._replacing(path) as partial:
            partial.write_text(text)

    @contextmanager
    def _replacing(self, path: Path) -> Iterator[Path]:
        """Where to write the file first: it is there as a whole or not at all, also after a loss of power."""
        partial = self.folder / f"{path.name}.{os.getpid()}.partial"
        yield partial
        _sync(partial)
        partial.replace(path)
        _sync(path.parent)

    def _beside(self, what: str) -> Path:
        return self.out.with_name(f"{self.out.name}.{what}")

    def _rows(self, number: int) -> Path:
        return self.folder / f"{number:08}.parquet"

    def _problems(self, number: int) -> Path:
        return self.folder / f"{number:08}.problems.json"


def _table(rows: Path) -> pa.Table:
    return pq.read_table(rows, page_checksum_verification=True)


def _sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    except OSError as error:
        # Some file systems of a network cannot do it for folders.
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(fd)
