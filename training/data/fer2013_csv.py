"""Reads FER-2013 as CSV, plain or compressed."""

import csv
import gzip
import io
import lzma
import tarfile
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from tqdm import tqdm

from training.data.arrays import pack
from training.data.dataset import FER2013_SPLITS, LABELS, SIZE, WHERE, DataError

# Faces of Training, PublicTest and PrivateTest.
OFFICIAL_COUNTS = (28_709, 3_589, 3_589)

NAMES = ("fer2013.csv", "icml_face_data.csv")
TARS = (".tar.gz", ".tgz")


def read_csv(path: Path) -> dict[str, np.ndarray]:
    """The arrays of `pack`. Raises DataError, which names the first bad line."""
    faces, labels, splits = bytearray(), [], []
    line = 0  # the last line that was read completely
    try:
        with _open_text(path) as text:
            reader = csv.reader(text)
            columns = [name.strip() for name in next(reader, [])]
            missing = [name for name in ("emotion", "pixels", "Usage") if name not in columns]
            if missing:
                raise DataError(f"{path}, line 1: no column {', '.join(missing)}; {WHERE}.")
            places = [columns.index(name) for name in ("emotion", "pixels", "Usage")]
            line = 1
            rows = tqdm(reader, desc=f"reading {path.name}", total=sum(OFFICIAL_COUNTS), unit="face")
            for line, row in enumerate(rows, start=2):
                # Editors add blank lines at the end.
                if not row:
                    continue
                label, pixels, split = _parse_row(row, places, len(columns), f"{path}, line {line}")
                labels.append(label)
                splits.append(split)
                faces += pixels
    except (
        EOFError,
        OSError,
        UnicodeDecodeError,
        csv.Error,
        lzma.LZMAError,
        zlib.error,
        zipfile.BadZipFile,
        tarfile.TarError,
    ) as error:
        raise DataError(f"{path}, line {line + 1}: the file is cut short or damaged ({error}); {WHERE}.") from error
    return pack(np.frombuffer(bytes(faces), np.uint8), labels, splits)


@contextmanager
def _open_text(path: Path) -> Iterator[io.TextIOBase]:
    with ExitStack() as stack:
        raw = _open_bytes(path, stack)
        # Excel starts a UTF-8 file with a byte order mark; a file without one is read the same.
        yield stack.enter_context(io.TextIOWrapper(raw, "utf-8-sig", newline=""))


def _open_bytes(path: Path, stack: ExitStack) -> IO[bytes]:
    """The bytes of the CSV in a file of any form. Kaggle packs it as .tar.gz, alone or within a .zip."""
    if path.suffix == ".zip":
        archive = stack.enter_context(zipfile.ZipFile(path))
        name = _find(archive.namelist(), (*NAMES, *TARS), path)
        raw = stack.enter_context(archive.open(name))
        return _open_tar(raw, Path(name), stack) if name.endswith(TARS) else raw
    if path.name.endswith(TARS):
        return _open_tar(stack.enter_context(path.open("rb")), path, stack)
    openers: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".xz": lzma.open}
    return stack.enter_context(openers.get(path.suffix, open)(path, "rb"))


def _open_tar(raw: IO[bytes], path: Path, stack: ExitStack) -> IO[bytes]:
    archive = stack.enter_context(tarfile.open(fileobj=raw, mode="r:gz"))  # noqa: SIM115
    file = archive.extractfile(_find(archive.getnames(), NAMES, path))
    if file is None:
        raise DataError(f"{path} holds a folder or a link where the CSV should be; {WHERE}.")
    return stack.enter_context(file)


def _find(names: list[str], endings: tuple[str, ...], path: Path) -> str:
    """The first name with the first ending that any of them has."""
    for ending in endings:
        for name in names:
            if name.endswith(ending):
                return name
    raise DataError(f"{path} holds neither {' nor '.join(NAMES)}; {WHERE}.")


def _parse_row(row: list[str], places: list[int], width: int, where: str) -> tuple[int, bytes, int]:
    if len(row) != width:
        raise DataError(f"{where}: {len(row)} columns instead of {width}; the file is cut short or damaged. {WHERE}.")
    label, pixels, usage = (row[place].strip() for place in places)
    if label not in {str(index) for index in range(len(LABELS))}:
        raise DataError(f"{where}: label {label!r} is not one of 0..{len(LABELS) - 1}.")
    if usage not in FER2013_SPLITS:
        raise DataError(f"{where}: usage {usage!r} is not one of {', '.join(FER2013_SPLITS)}.")
    try:
        with warnings.catch_warnings(action="error"):
            values = np.fromstring(pixels, np.int64, sep=" ")
    except (ValueError, DeprecationWarning) as error:
        raise DataError(f"{where}: the pixels are not whole numbers.") from error
    if values.size != SIZE * SIZE:
        raise DataError(f"{where}: {values.size} pixels instead of {SIZE * SIZE}; the file is cut short or damaged.")
    if values.min() < 0 or values.max() > 255:
        raise DataError(f"{where}: a pixel is {values[(values < 0) | (values > 255)][0]}, outside 0..255.")
    return int(label), values.astype(np.uint8).tobytes(), FER2013_SPLITS.index(usage)
