"""Loads a data set from any of its file forms; files are parsed once, then read from a cache."""

import hashlib
from pathlib import Path
from uuid import uuid4

import numpy as np

from training.data.dataset import SPLITS, WHERE, DataError, Dataset, Split
from training.data.fer2013_csv import OFFICIAL_COUNTS, read_csv
from training.data.folders import find_root, list_pictures, read_folder

CACHE_DIR = Path(".cache")
# Changes when the arrays in a cache file change.
CACHE_FORM = 4


def load(path: Path, *, partial: bool = False, cache_dir: Path = CACHE_DIR) -> Dataset:
    """Read FER-2013 from a CSV (.csv, .gz, .xz, .zip, .tar.gz), or any folder of pictures by label.

    `partial` accepts a CSV with fewer rows than FER-2013's 35,887.
    Raises DataError, which names the line or the file at fault; a file that fails is not cached.
    """
    if not path.exists():
        raise DataError(f"{path} does not exist; {WHERE}.")
    cache = cache_dir / f"{_fingerprint(path)}.npz"
    cached = cache.exists()
    if cached:
        with np.load(cache) as file:
            arrays = dict(file)
    else:
        arrays = read_folder(path) if path.is_dir() else read_csv(path)
    dataset = _assemble(arrays, path)
    found = tuple(len(split) for split in dataset.splits().values())
    if not path.is_dir() and not partial and found != OFFICIAL_COUNTS:
        raise DataError(
            f"{path}, line {sum(found) + 1}: the file ends after {sum(found):,} faces {found}, FER-2013 has "
            f"{OFFICIAL_COUNTS}; it was cut short (pass --partial to use it all the same). {WHERE}."
        )
    if not cached:
        _save(cache, arrays)
    return dataset


def _assemble(arrays: dict[str, np.ndarray], path: Path) -> Dataset:
    splits = {}
    for index, name in enumerate(SPLITS):
        rows = arrays["splits"] == index
        if not rows.any():
            raise DataError(f"{path} has no {name} faces: it was cut short or is another data set. {WHERE}.")
        splits[name] = Split(arrays["faces"][rows], arrays["labels"][rows])
    return Dataset(
        **splits,
        sha256=str(arrays["sha256"]),
        name=str(arrays["name"]),
        labels=tuple(arrays["label_names"].tolist()),
        official_order=not path.is_dir(),
        note=str(arrays["note"]),
    )


def _fingerprint(path: Path) -> str:
    """Changes with the place, size or time of any file that is read; of a link, with those of the file behind it.

    A checksum of 80 MB would take a second at each start.
    """
    root = find_root(path) if path.is_dir() else path.parent
    files = list_pictures(root) if path.is_dir() else [path]
    digest = hashlib.sha256(f"{CACHE_FORM}{path.resolve()}".encode())
    for file in files:
        stat = file.stat()
        digest.update(f"{file.relative_to(root)} {stat.st_size} {stat.st_mtime_ns} {stat.st_ino}\n".encode())
    return digest.hexdigest()[:24]


def _save(cache: Path, arrays: dict[str, np.ndarray]) -> None:
    cache.parent.mkdir(parents=True, exist_ok=True)
    # Two runs that begin at the same time both write it.
    unfinished = cache.with_name(f"{cache.stem}.{uuid4().hex}.tmp.npz")
    try:
        np.savez(unfinished, allow_pickle=False, **arrays)
        unfinished.replace(cache)
    finally:
        unfinished.unlink(missing_ok=True)
