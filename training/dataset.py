"""FER-2013 in any of its forms (CSV, packed CSV, image folders) and FER+ votes, as arrays by split."""

import csv
import gzip
import hashlib
import io
import lzma
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError
from tqdm import tqdm

LABELS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
SPLITS = ("Training", "PublicTest", "PrivateTest")
OFFICIAL_COUNTS = {"Training": 28_709, "PublicTest": 3_589, "PrivateTest": 3_589}
SIZE = 48
VOTE_COLUMNS = (
    "neutral",
    "happiness",
    "surprise",
    "sadness",
    "anger",
    "disgust",
    "fear",
    "contempt",
    "unknown",
    "NF",
)
WHERE = (
    "FER-2013 is on Kaggle: challenges-in-representation-learning-facial-expression-recognition-challenge "
    "(fer2013.csv, icml_face_data.csv) or msambare/fer2013 (image folders)"
)
CACHE_DIR = Path(".cache")
CACHE_FORM = 1


class DataError(Exception):
    """The data cannot be used; the message is one sentence for the person at the terminal."""


@dataclass(frozen=True)
class Split:
    """Faces uint8 grey (n, 48, 48, 1) and their labels int64 (n,), indices into LABELS."""

    faces: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Dataset:
    """The three splits. `sha256` is of labels and pixels, so it is the same for every file form."""

    training: Split
    public_test: Split
    private_test: Split
    sha256: str
    note: str = ""

    def counts(self) -> dict[str, list[int]]:
        """Faces per class for each split, in label order."""
        return {
            name: np.bincount(split.labels, minlength=len(LABELS)).tolist()
            for name, split in zip(SPLITS, self.splits(), strict=True)
        }

    def splits(self) -> tuple[Split, Split, Split]:
        return self.training, self.public_test, self.private_test


def load(path: Path, *, partial: bool = False, cache_dir: Path = CACHE_DIR) -> Dataset:
    """Read FER-2013 from a CSV (.csv, .gz, .xz, .zip) or an image folder; parsed once, then cached.

    `partial` accepts a CSV with fewer rows than the official 35,887.
    Raises DataError with the line or file at fault; nothing is kept of a file that fails.
    """
    if not path.exists():
        raise DataError(f"{path} does not exist; {WHERE}.")
    cache = cache_dir / f"{_fingerprint(path)}.npz"
    cached = cache.exists()
    if cached:
        with np.load(cache) as file:
            arrays = dict(file)
    else:
        arrays = _read_folder(path) if path.is_dir() else _read_csv(path)
    dataset = _assemble(arrays, path)
    found = {name: len(split) for name, split in zip(SPLITS, dataset.splits(), strict=True)}
    if not path.is_dir() and not partial and found != OFFICIAL_COUNTS:
        raise DataError(
            f"{path}, line {sum(found.values()) + 1}: the file ends after {sum(found.values()):,} faces {found}, "
            f"FER-2013 has {OFFICIAL_COUNTS}; it was cut short (pass --partial to use it all the same). {WHERE}."
        )
    if not cached:
        _save(cache, arrays)
    return dataset


def load_votes(path: Path, dataset: Dataset) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """FER+ votes of the three splits, each float32 (n, 10) in the order of VOTE_COLUMNS.

    fer2013new.csv names no pixels: its rows are matched by order, so it needs the full CSV form.
    """
    if not path.exists():
        raise DataError(f"{path} does not exist; fer2013new.csv is in Microsoft's FERPlus repository.")
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    missing = [name for name in ("Usage", *VOTE_COLUMNS) if rows and name not in rows[0]]
    if missing or not rows:
        raise DataError(f"{path}, line 1: no column {', '.join(missing) or 'at all'}; this is not fer2013new.csv.")
    usages = [row["Usage"] for row in rows]
    wanted = [name for name, split in zip(SPLITS, dataset.splits(), strict=True) for _ in range(len(split))]
    if usages != wanted or dataset.note:
        raise DataError(f"{path} has {len(rows):,} rows that do not line up with the faces; votes need the full CSV.")
    votes = np.array([_parse_votes(row, f"{path}, line {line}") for line, row in enumerate(rows, start=2)], np.float32)
    ends = np.cumsum([len(split) for split in dataset.splits()])
    training, public_test, private_test = np.split(votes, ends[:-1])
    return training, public_test, private_test


def _parse_votes(row: dict[str, str], where: str) -> list[float]:
    values = [row[name] for name in VOTE_COLUMNS]
    # A short row is filled up with None.
    if not all(value and value.isdecimal() for value in values):
        raise DataError(f"{where}: the votes are not ten whole numbers; the file is cut short or damaged.")
    return [float(value) for value in values]


def _assemble(arrays: dict[str, np.ndarray], path: Path) -> Dataset:
    splits = []
    for index, name in enumerate(SPLITS):
        rows = arrays["splits"] == index
        if not rows.any():
            raise DataError(f"{path} has no {name} faces: it was cut short or is another data set. {WHERE}.")
        splits.append(Split(arrays["faces"][rows], arrays["labels"][rows]))
    training, public_test, private_test = splits
    return Dataset(training, public_test, private_test, sha256=str(arrays["sha256"]), note=str(arrays["note"]))


def _fingerprint(path: Path) -> str:
    """Changes when a file's name, size or time does; reading 80 MB to learn that would take a second."""
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    digest = hashlib.sha256(f"{CACHE_FORM}{path.resolve()}".encode())
    for file in files:
        stat = file.stat()
        digest.update(f"{file.name} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:24]


def _save(cache: Path, arrays: dict[str, np.ndarray]) -> None:
    cache.parent.mkdir(parents=True, exist_ok=True)
    unfinished = cache.with_suffix(".tmp.npz")
    np.savez(unfinished, allow_pickle=False, **arrays)
    unfinished.replace(cache)


def _pack(faces: np.ndarray, labels: list[int], splits: list[int], note: str = "") -> dict[str, np.ndarray]:
    order = np.argsort(splits, kind="stable")
    arrays = {
        "faces": faces.reshape(-1, SIZE, SIZE, 1)[order],
        "labels": np.array(labels, np.int64)[order],
        "splits": np.array(splits, np.int8)[order],
    }
    digest = hashlib.sha256()
    for name in ("splits", "labels", "faces"):
        digest.update(np.ascontiguousarray(arrays[name]).tobytes())
    return {**arrays, "sha256": np.array(digest.hexdigest()), "note": np.array(note)}


# --- CSV ---------------------------------------------------------------------------------------


def _read_csv(path: Path) -> dict[str, np.ndarray]:
    faces, labels, splits = bytearray(), [], []
    line = 0  # the last line that was read whole
    try:
        with _open_text(path) as text:
            reader = csv.reader(text)
            columns = [name.strip() for name in next(reader, [])]
            missing = [name for name in ("emotion", "pixels", "Usage") if name not in columns]
            if missing:
                raise DataError(f"{path}, line 1: no column {', '.join(missing)}; {WHERE}.")
            places = [columns.index(name) for name in ("emotion", "pixels", "Usage")]
            line = 1
            rows = tqdm(reader, desc=f"reading {path.name}", total=sum(OFFICIAL_COUNTS.values()), unit="face")
            for line, row in enumerate(rows, start=2):
                label, pixels, split = _parse_row(row, places, len(columns), f"{path}, line {line}")
                labels.append(label)
                splits.append(split)
                faces += pixels
    except (EOFError, OSError, UnicodeDecodeError, csv.Error, lzma.LZMAError, zlib.error, zipfile.BadZipFile) as error:
        raise DataError(f"{path}, line {line + 1}: the file is cut short or damaged ({error}); {WHERE}.") from error
    return _pack(np.frombuffer(bytes(faces), np.uint8), labels, splits)


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
    if usage not in SPLITS:
        raise DataError(f"{where}: usage {usage!r} is not one of {', '.join(SPLITS)}.")
    try:
        with warnings.catch_warnings(action="error"):
            values = np.fromstring(pixels, np.int64, sep=" ")
    except (ValueError, DeprecationWarning) as error:
        raise DataError(f"{where}: the pixels are not whole numbers.") from error
    if values.size != SIZE * SIZE:
        raise DataError(f"{where}: {values.size} pixels instead of {SIZE * SIZE}; the file is cut short or damaged.")
    if values.min() < 0 or values.max() > 255:
        raise DataError(f"{where}: a pixel is {values[(values < 0) | (values > 255)][0]}, outside 0..255.")
    return int(label), values.astype(np.uint8).tobytes(), SPLITS.index(usage)


# --- image folders -----------------------------------------------------------------------------


def _read_folder(path: Path) -> dict[str, np.ndarray]:
    """train/<emotion>/*.jpg and test/<emotion>/*.jpg; names that begin with a split's name say the split."""
    files = sorted(file for part in ("train", "test") for file in (path / part).glob("*/[!.]*") if file.is_file())
    if not files:
        raise DataError(f"{path} has no train/<emotion>/ and test/<emotion>/ pictures; {WHERE}.")
    unknown = sorted({file.parent.name for file in files} - set(LABELS))
    if unknown:
        raise DataError(f"{path}: folder {unknown[0]!r} is not one of {', '.join(LABELS)}.")
    faces = np.stack([_read_picture(file) for file in tqdm(files, desc=f"reading {path.name}", unit="face")])
    labels = [LABELS.index(file.parent.name) for file in files]
    splits = [_split_by_name(file) for file in files]
    note = ""
    if SPLITS.index("PublicTest") not in splits:
        _hold_out_tenth(labels, splits)
        note = (
            "no file name begins with PublicTest: `test` is taken as PrivateTest and a stratified tenth of `train` "
            "(seed 0) as PublicTest, so figures do not compare with published ones"
        )
    return _pack(faces, labels, splits, note)


def _read_picture(file: Path) -> np.ndarray:
    try:
        with Image.open(file) as picture:
            grey = np.asarray(picture.convert("L"))
    except (UnidentifiedImageError, OSError) as error:
        raise DataError(f"{file} is not a readable picture.") from error
    if grey.shape != (SIZE, SIZE):
        raise DataError(f"{file} is {grey.shape[1]}x{grey.shape[0]} pixels instead of {SIZE}x{SIZE}.")
    return grey


def _split_by_name(file: Path) -> int:
    for index, name in enumerate(SPLITS):
        if file.name.startswith(name):
            return index
    return 0 if file.parent.parent.name == "train" else 2


def _hold_out_tenth(labels: list[int], splits: list[int]) -> None:
    random = np.random.default_rng(0)
    for label in range(len(LABELS)):
        rows = [row for row in range(len(labels)) if labels[row] == label and splits[row] == 0]
        for row in random.permutation(rows)[: len(rows) // 10]:
            splits[row] = 1
