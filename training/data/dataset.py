"""A data set: three splits of faces, the names of the labels, and a note for readers of its figures."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

FER2013 = "FER-2013"
# FER-2013's names in its index order; every data set has its own in `Dataset.labels`.
LABELS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
SPLITS = ("train", "validation", "test")
# The same splits as FER-2013's own files call them.
FER2013_SPLITS = ("Training", "PublicTest", "PrivateTest")
# Side of every face in pixels, whatever the data: the recipe, the speed and the size of the file are for this one.
SIZE = 48
WHERE = (
    "FER-2013 is on Kaggle: challenges-in-representation-learning-facial-expression-recognition-challenge "
    "(fer2013.csv, icml_face_data.csv) or msambare/fer2013 (image folders)"
)


class DataError(Exception):
    """The data cannot be used; the message is one sentence for the person at the terminal."""


@dataclass(frozen=True)
class Split:
    """Grey faces uint8 (n, 48, 48, 1) and their labels int64 (n,), indices into the data set's label names."""

    faces: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Dataset:
    """Three splits and the label names by index.

    `train` is what the network learns from, `validation` chooses the epoch and fits the calibration, `test` is only
    measured. `sha256` is of splits, labels and pixels, so it is the same for every file form. `official_order` is true
    where the rows come in the order of FER-2013's CSV, which the FER+ votes need. `note` is for readers of figures.
    """

    train: Split
    validation: Split
    test: Split
    sha256: str
    name: str
    labels: tuple[str, ...]
    official_order: bool = False
    note: str = ""

    def splits(self) -> dict[str, Split]:
        """The splits by name, in the order of SPLITS."""
        return {"train": self.train, "validation": self.validation, "test": self.test}

    def counts(self) -> dict[str, list[int]]:
        """Number of faces per class for each split, in the order of the labels."""
        return {
            name: np.bincount(split.labels, minlength=len(self.labels)).tolist()
            for name, split in self.splits().items()
        }

    def with_validation_in_train(self) -> "Dataset":
        """The same data with the validation faces behind the train faces; they still are the validation split too."""
        train = Split(
            np.concatenate([self.train.faces, self.validation.faces]),
            np.concatenate([self.train.labels, self.validation.labels]),
        )
        return replace(self, train=train)

    def title(self, split: str) -> str:
        """A split's name for people: with FER-2013's own name where the data is FER-2013."""
        return split_title(split, fer2013=is_fer2013(self.name, self.labels))


def split_title(split: str, *, fer2013: bool) -> str:
    """`validation`, or `validation (PublicTest)` where the data is FER-2013."""
    return f"{split} ({FER2013_SPLITS[SPLITS.index(split)]})" if fer2013 else split


def is_fer2013(name: str, labels: Sequence[str]) -> bool:
    """Whether a data set of this name and these labels is FER-2013. A folder may have the name and other labels."""
    return name == FER2013 and tuple(labels) == LABELS
