"""FER-2013 as CSV, packed or not, anyone's pictures in folders by label, and FER+ votes, as arrays by split."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

FER2013 = "FER-2013"
# Its words in its order; every data set has its own in `Dataset.labels`.
LABELS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
SPLITS = ("Training", "PublicTest", "PrivateTest")
OFFICIAL_COUNTS = {"Training": 28_709, "PublicTest": 3_589, "PrivateTest": 3_589}
# Of every face, whatever the data: the recipe was found, and its speed and the file's size are promised, for this one.
SIZE = 48
WHERE = (
    "FER-2013 is on Kaggle: challenges-in-representation-learning-facial-expression-recognition-challenge "
    "(fer2013.csv, icml_face_data.csv) or msambare/fer2013 (image folders)"
)


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
