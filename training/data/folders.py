"""Reads any pictures that lie in folders by label."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from tqdm import tqdm

from service import images
from training.data.arrays import pack
from training.data.dataset import FER2013, FER2013_SPLITS, LABELS, SIZE, SPLITS, WHERE, DataError

# Names that the folder of the validation split may have.
VALIDATION_FOLDERS = ("val", "valid", "validation")
# What Windows and macOS put beside pictures.
NOT_PICTURES = ("thumbs.db", "desktop.ini", "__MACOSX")
TRAIN, VALIDATION, TEST = range(len(SPLITS))
# Without a validation folder a tenth of each class, at least one picture, is held out of train/; the rest has to stay.
LEAST_HELD_OUT_FROM = 3


def read_folder(path: Path) -> dict[str, np.ndarray]:
    """The arrays of `pack` from pictures in `train/<label>/`, `test/<label>/` and, optionally, `val/<label>/`.

    Without `val/`, FER-2013's file names may begin with the name of the split (`PublicTest_1.jpg`); otherwise a tenth
    of `train/` is held out for validation. Raises DataError, which names the folder or the file at fault.
    """
    path = find_root(path)
    validation = [name for name in VALIDATION_FOLDERS if (path / name).is_dir()]
    if len(validation) > 1:
        raise DataError(f"{path} has both {validation[0]}/ and {validation[1]}/; only one can be the validation split.")
    parts = {"train": TRAIN, **dict.fromkeys(validation, VALIDATION), "test": TEST}
    names = _label_names(path, {part: {folder.name for folder in _label_folders(path / part)} for part in parts})
    files = list_pictures(path)
    labels = [names.index(file.relative_to(path).parts[1]) for file in files]
    splits = [parts[file.relative_to(path).parts[0]] for file in files]
    for part, split in parts.items():
        if split not in splits:
            raise DataError(f"{path / part} holds no pictures.")
    if names == LABELS and not validation:
        splits = [_split_by_name(file, split) for file, split in zip(files, splits, strict=True)]
    holds_out = VALIDATION not in splits
    _check_counts(path, names, labels, splits, LEAST_HELD_OUT_FROM if holds_out else 1)
    notes = []
    if holds_out:
        _hold_out_tenth(len(names), labels, splits)
        known = names == LABELS
        notes.append(
            ("no file name begins with PublicTest" if known else "there is no `val`")
            + ": a stratified tenth of `train` (seed 0) is the validation split"
            + (", so figures do not compare with published ones" if known else "")
        )
    tested = {label for label, split in zip(labels, splits, strict=True) if split == TEST}
    if len(tested) < len(names):
        untested = ", ".join(name for label, name in enumerate(names) if label not in tested)
        notes.append(f"`test` has no picture of {untested}, whose recall there is given as 0")
    faces, resized = np.zeros((len(files), SIZE, SIZE), np.uint8), 0
    for row, file in enumerate(tqdm(files, desc=f"reading {path.name}", unit="picture")):
        # Resized at once: all pictures at their own sizes could fill the memory.
        grey = _read_picture(file)
        faces[row] = _to_size(grey)
        resized += grey.shape != (SIZE, SIZE)
    if resized:
        notes.append(f"{resized:,} of {len(files):,} pictures were not {SIZE}x{SIZE} and are resized")
    # Other data with the same seven labels exist; all pictures of FER-2013 have one size.
    name = FER2013 if names == LABELS and not resized else path.resolve().name
    return pack(faces, labels, splits, name=name, label_names=names, note="; ".join(notes))


def find_root(path: Path) -> Path:
    """The folder with train/ in it: this one, or its only subfolder, as archives are often unpacked."""
    inside = [each for each in path.glob("[!.]*") if each.is_dir() and each.name not in NOT_PICTURES]
    if not (path / "train").is_dir() and len(inside) == 1 and (inside[0] / "train").is_dir():
        return inside[0]
    return path


def list_pictures(path: Path) -> list[Path]:
    """The files in the label folders of all parts, sorted, and those one folder deeper (by person, for example).

    Links are followed. Files that file managers leave behind are skipped.
    """
    found = []
    for part in ("train", *VALIDATION_FOLDERS, "test"):
        for folder in _label_folders(path / part):
            entries = list(folder.glob("[!.]*"))
            deeper = [file for each in entries if each.is_dir() for file in each.glob("[!.]*")]
            found += [file for file in entries + deeper if file.is_file() and file.name.lower() not in NOT_PICTURES]
    return sorted(found)


def _label_folders(part: Path) -> list[Path]:
    return [each for each in part.glob("[!.]*") if each.is_dir() and each.name not in NOT_PICTURES]


def _label_names(path: Path, found: dict[str, set[str]]) -> tuple[str, ...]:
    """The label names, which are those of the class folders in train/."""
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


def _check_counts(path: Path, names: tuple[str, ...], labels: list[int], splits: list[int], least: int) -> None:
    counts = np.bincount(
        [label for label, split in zip(labels, splits, strict=True) if split == TRAIN], minlength=len(names)
    )
    few = int(counts.argmin())
    if counts[few] < least:
        why = ", as some are held out for validation" if least > 1 else ""
        raise DataError(
            f"{path / 'train' / names[few]} has too few pictures, {counts[few]}; at least {least} are needed{why}."
        )


def _read_picture(file: Path) -> np.ndarray:
    """Grey and upright, uint8 (h, w). Raises DataError."""
    try:
        with Image.open(file) as picture:
            upright = ImageOps.exif_transpose(picture)
            # Pillow clips 16-bit values at 255 instead of scaling them.
            deep = upright.mode.startswith("I;16")
            grey = np.asarray(upright) >> 8 if deep else np.asarray(upright.convert("L"))
            return grey.astype(np.uint8)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f"{file} is not a readable picture.") from error


def _to_size(grey: np.ndarray) -> np.ndarray:
    """Square, 48x48, as the service crops a whole picture, so that training and serving see the same."""
    height, width = grey.shape
    return images.crop(grey, images.Box(0, 0, width, height), (SIZE, SIZE), 0.0)


def _split_by_name(file: Path, otherwise: int) -> int:
    for index, name in enumerate(FER2013_SPLITS):
        if file.name.startswith(name):
            return index
    return otherwise


def _hold_out_tenth(classes: int, labels: list[int], splits: list[int]) -> None:
    random = np.random.default_rng(0)
    for label in range(classes):
        rows = [row for row in range(len(labels)) if labels[row] == label and splits[row] == TRAIN]
        for row in random.permutation(rows)[: max(1, len(rows) // 10)]:
            splits[row] = VALIDATION
