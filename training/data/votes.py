"""The votes of FER+ (Barsoum et al. 2016): what ten people saw in each face of FER-2013."""

import csv
from pathlib import Path

import numpy as np

from training.data.dataset import FER2013_SPLITS, SPLITS, DataError, Dataset

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

Votes = dict[str, np.ndarray]
"""By split: number of votes, float32 (n, 10), in the order of VOTE_COLUMNS."""


def load_votes(path: Path, dataset: Dataset) -> Votes:
    """Read fer2013new.csv.

    Its rows name no pixels and are matched by order, so the data set has to come from FER-2013's full CSV.
    Raises DataError for a file that is missing, damaged or does not match.
    """
    if not path.exists():
        raise DataError(f"{path} does not exist; fer2013new.csv is in Microsoft's FERPlus repository.")
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    missing = [name for name in ("Usage", *VOTE_COLUMNS) if rows and name not in rows[0]]
    if missing or not rows:
        raise DataError(f"{path}, line 1: no column {', '.join(missing) or 'at all'}; this is not fer2013new.csv.")
    usages = [row["Usage"] for row in rows]
    sizes = [len(split) for split in dataset.splits().values()]
    expected = [name for name, size in zip(FER2013_SPLITS, sizes, strict=True) for _ in range(size)]
    if usages != expected or not dataset.official_order:
        raise DataError(f"{path} has {len(rows):,} rows that do not match the faces; votes need FER-2013's full CSV.")
    votes = np.array([_parse(row, f"{path}, line {line}") for line, row in enumerate(rows, start=2)], np.float32)
    return dict(zip(SPLITS, np.split(votes, np.cumsum(sizes)[:-1]), strict=True))


def with_validation_in_train(votes: Votes) -> Votes:
    """The votes of `Dataset.with_validation_in_train`."""
    return votes | {"train": np.concatenate([votes["train"], votes["validation"]])}


def _parse(row: dict[str, str], where: str) -> list[float]:
    values = [row[name] for name in VOTE_COLUMNS]
    # csv fills a short row with None.
    if not all(value and value.isdecimal() for value in values):
        raise DataError(f"{where}: the votes are not ten whole numbers; the file is cut short or damaged.")
    return [float(value) for value in values]
