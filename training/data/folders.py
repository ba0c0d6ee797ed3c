"""Anyone's pictures, in folders by label."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from tqdm import tqdm

from service import images
from training.data.arrays import pack
from training.data.dataset import FER2013, LABELS, SIZE, SPLITS, WHERE, DataError

# Folders that may hold the split that chooses.
CHOOSING = ("val", "valid", "validation")
# A tenth of a class, one picture at least, is held out where no split chooses; more than that has to stay.
LEAST_HELD_OUT_FROM = 3


def read_folder(path: Path) -> dict[str, np.ndarray]:
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
    return pack(faces, labels, splits, name=name, words=words, note="; ".join(notes))


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
