"""Reads FER-2013 as CSV, plain or compressed."""

import csv
import gzip
import io
import lzma
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from training.data.arrays import pack
from training.data.dataset import FER2013_SPLITS, LABELS, SIZE, WHERE, DataError

# Faces of Training, PublicTest and PrivateTest.
OFFICIAL_COUNTS = (28_709, 3_589, 3_589)


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
                label, pixels, split = _parse_row(row, places, len(columns), f"{path}, line {line}")
                labels.append(label)
                splits.append(split)
                faces += pixels
    except (EOFError, OSError, UnicodeDecodeError, csv.Error, lzma.LZMAError, zlib.error, zipfile.BadZipFile) as error:
        raise DataError(f"{path}, line {line + 1}: the file is cut short or damaged ({error}); {WHERE}.") from error
    return pack(np.frombuffer(bytes(faces), np.uint8), labels, splits)


@contextmanager
def _open_text(path: Path) -> Iterator[io.TextIOBase]:
    openers: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".xz": lzma.open}
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if name.endswith(("fer2013.csv", "icml_face_data.csv"))]
            if not names:
                raise DataError(f"{path} holds neither fer2013.csv nor icml_face_data.csv; {WHERE}.")
            with archive.open(names[0]) as raw, io.TextIOWrapper(raw, "ascii", newline="") as text:
                yield text
    else:
        with openers.get(path.suffix, open)(path, "rt", encoding="ascii", newline="") as text:
            yield text


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
