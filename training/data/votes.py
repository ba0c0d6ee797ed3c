"""The votes of FER+: what ten people saw in each face of FER-2013."""

import csv
from pathlib import Path

import numpy as np

from training.data.dataset import SPLITS, DataError, Dataset

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
