"""FER-2013 as CSV, packed or not, anyone's pictures in folders by label, and FER+ votes, as arrays by split."""

import csv
import gzip
import hashlib
import io
import json
import lzma
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps
from tqdm import tqdm

from service import images

FER2013 = "FER-2013"
# Its words in its order; every data set has its own in `Dataset.labels`.
LABELS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
SPLITS = ("Training", "PublicTest", "PrivateTest")
OFFICIAL_COUNTS = {"Training": 28_709, "PublicTest": 3_589, "PrivateTest": 3_589}
# Of every face, whatever the data: the recipe was found, and its speed and the file's size are promised, for this one.
SIZE = 48
# Folders that may hold the split that chooses.
CHOOSING = ("val", "valid", "validation")
# A tenth of a class, one picture at least, is held out where no split chooses; more than that has to stay.
LEAST_HELD_OUT_FROM = 3
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
CACHE_FORM = 2


class DataError(Exception):
    """The data cannot be used; the message is one sentence for the person at the terminal."""


@dataclass(frozen=True)
class Split:
    """Faces uint8 grey (n, 48, 48, 1) and their labels int64 (n,), indices into the data set's."""

    faces: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Dataset:
    """The three splits, and the labels' words by index.

    `sha256` is of labels and pixels, so it is the same for every file form. `official_order` is true where rows come
    as FER-2013 has them, so that lists made for it fit. `note` says what a reader of figures has to know.
    """

    training: Split
    public_test: Split
    private_test: Split
    sha256: str
    name: str
    labels: tuple[str, ...]
    official_order: bool = False
    note: str = ""

    def counts(self) -> dict[str, list[int]]:
        """Faces per class for each split, in label order."""
        return {
            name: np.bincount(split.labels, minlength=len(self.labels)).tolist()
            for name, split in zip(SPLITS, self.splits(), strict=True)
        }

    def splits(self) -> tuple[Split, Split, Split]:
        return self.training, self.public_test, self.private_test


def is_fer2013(name: str, labels: Sequence[str]) -> bool:
    """Whether a data set of this name and these labels is FER-2013; a folder may bear the name alone."""
    return name == FER2013 and tuple(labels) == LABELS


def load(path: Path, *, partial: bool = False, cache_dir: Path = CACHE_DIR) -> Dataset:
    """Read FER-2013 from a CSV (.csv, .gz, .xz, .zip), or any image folder; parsed once, then cached.

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
    if usages != wanted or not dataset.official_order:
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
    return Dataset(
        training,
        public_test,
        private_test,
        sha256=str(arrays["sha256"]),
        name=str(arrays["name"]),
        labels=tuple(arrays["words"].tolist()),
        official_order=not path.is_dir(),
        note=str(arrays["note"]),
    )


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


def _pack(
    faces: np.ndarray,
    labels: list[int],
    splits: list[int],
    *,
    name: str = FER2013,
    words: tuple[str, ...] = LABELS,
    note: str = "",
) -> dict[str, np.ndarray]:
    order = np.argsort(splits, kind="stable")
    arrays = {
        "faces": faces.reshape(-1, SIZE, SIZE, 1)[order],
        "labels": np.array(labels, np.int64)[order],
        "splits": np.array(splits, np.int8)[order],
    }
    digest = hashlib.sha256()
    for part in ("splits", "labels", "faces"):
        digest.update(np.ascontiguousarray(arrays[part]).tobytes())
    if words != LABELS:
        # The same pictures under other words are other data.
        digest.update(json.dumps(words).encode())
    about = {"sha256": digest.hexdigest(), "name": name, "words": words, "note": note}
    return arrays | {key: np.array(value) for key, value in about.items()}


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
    """`train/<label>/`, `test/<label>/` and, for the split that chooses, perhaps `val/<label>/`, with pictures.

    Without `val`, names of FER-2013's files that begin with a split's name say the split; else a tenth is held out.
    """
    choosing = [name for name in CHOOSING if (path / name).is_dir()]
    if len(choosing) > 1:
        raise DataError(f"{path} has both {choosing[0]}/ and {choosing[1]}/; only one can be the split that chooses.")
    parts = {"train": 0, **dict.fromkeys(choosing, 1), "test": 2}
    folders = {part: [each for each in (path / part).glob("[!.]*") if each.is_dir()] for part in parts}
    words = _label_words(path, {part: {each.name for each in found} for part, found in folders.items()})
    files = sorted(
        file for found in folders.values() for each in found for file in each.glob("[!.]*") if file.is_file()
    )
    labels = [words.index(file.parent.name) for file in files]
    splits = [parts[file.parent.parent.name] for file in files]
    for part, split in parts.items():
        if split not in splits:
            raise DataError(f"{path / part} holds no pictures.")
    if words == LABELS and not choosing:
        splits = [_split_by_name(file, split) for file, split in zip(files, splits, strict=True)]
    holds_out = SPLITS.index("PublicTest") not in splits
    _check_counts(path, words, labels, splits, LEAST_HELD_OUT_FROM if holds_out else 1)
    notes = [f"`{choosing[0]}` is taken as PublicTest and `test` as PrivateTest"] if choosing else []
    if holds_out:
        _hold_out_tenth(len(words), labels, splits)
        known = words == LABELS
        notes.append(
            ("no file name begins with PublicTest" if known else "there is no `val`")
            + ": `test` is taken as PrivateTest and a stratified tenth of `train` (seed 0) as PublicTest"
            + (", so figures do not compare with published ones" if known else "")
        )
    tested = {label for label, split in zip(labels, splits, strict=True) if split == 2}
    if len(tested) < len(words):
        untested = ", ".join(word for label, word in enumerate(words) if label not in tested)
        notes.append(f"`test` has no picture of {untested}, whose recall there is given as 0")
    faces, resized = np.zeros((len(files), SIZE, SIZE), np.uint8), 0
    for row, file in enumerate(tqdm(files, desc=f"reading {path.name}", unit="picture")):
        # At once: all pictures at their own sizes could fill the memory.
        grey = _read_picture(file)
        faces[row] = _to_size(grey)
        resized += grey.shape != (SIZE, SIZE)
    if resized:
        notes.append(f"{resized:,} of {len(files):,} pictures were not {SIZE}x{SIZE} and are resized")
    # Other data with the same seven words exist; FER-2013's own pictures have one size.
    name = FER2013 if words == LABELS and not resized else path.resolve().name
    return _pack(faces, labels, splits, name=name, words=words, note="; ".join(notes))


def _label_words(path: Path, found: dict[str, set[str]]) -> tuple[str, ...]:
    """The labels, from the names of the class folders in each part."""
    known = found["train"]
    if not known or not found["test"]:
        lacking = "test" if known else "train"
        raise DataError(
            f"{path} has no class folders {lacking}/<label>/ with pictures; every label needs one in train/ and test/. "
            f"{WHERE}."
        )
    for part, names in found.items():
        if names - known:
            raise DataError(f"{path / part} has the class {min(names - known)!r}, which train/ has not.")
    if len(known) == 1:
        raise DataError(f"{path / 'train'} has only the class {min(known)!r}; there is nothing to tell apart.")
    return LABELS if known == set(LABELS) else tuple(sorted(known))


def _check_counts(path: Path, words: tuple[str, ...], labels: list[int], splits: list[int], least: int) -> None:
    counts = np.bincount(
        [label for label, split in zip(labels, splits, strict=True) if split == 0], minlength=len(words)
    )
    few = int(counts.argmin())
    if counts[few] < least:
        why = ", as some are held out to choose by" if least > 1 else ""
        raise DataError(
            f"{path / 'train' / words[few]} has too few pictures, {counts[few]}; at least {least} are needed{why}."
        )


def _read_picture(file: Path) -> np.ndarray:
    """Grey and upright, uint8 (h, w)."""
    try:
        with Image.open(file) as picture:
            upright = ImageOps.exif_transpose(picture)
            # Pillow cuts 16 bits off at 255 instead of scaling them.
            deep = upright.mode.startswith("I;16")
            grey = np.asarray(upright) >> 8 if deep else np.asarray(upright.convert("L"))
            return grey.astype(np.uint8)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f"{file} is not a readable picture.") from error


def _to_size(grey: np.ndarray) -> np.ndarray:
    """As the service makes a face of a whole picture, so that the network learns from what it will be shown."""
    height, width = grey.shape
    return images.crop(grey, images.Box(0, 0, width, height), (SIZE, SIZE), 0.0)


def _split_by_name(file: Path, otherwise: int) -> int:
    for index, name in enumerate(SPLITS):
        if file.name.startswith(name):
            return index
    return otherwise


def _hold_out_tenth(classes: int, labels: list[int], splits: list[int]) -> None:
    random = np.random.default_rng(0)
    for label in range(classes):
        rows = [row for row in range(len(labels)) if labels[row] == label and splits[row] == 0]
        for row in random.permutation(rows)[: max(1, len(rows) // 10)]:
            splits[row] = 1
