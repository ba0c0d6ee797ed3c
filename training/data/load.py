"""Reads a data set in whatever form it lies there, once; the next start takes it from the cache."""

import hashlib
from pathlib import Path

import numpy as np

from training.data.dataset import OFFICIAL_COUNTS, SPLITS, WHERE, DataError, Dataset, Split
from training.data.fer2013_csv import read_csv
from training.data.folders import read_folder

CACHE_DIR = Path(".cache")
CACHE_FORM = 2


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
        arrays = read_folder(path) if path.is_dir() else read_csv(path)
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
