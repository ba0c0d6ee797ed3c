"""Targets of the votes head: how the ten FER+ voters distribute their votes over the labels."""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from training.data.dataset import LABELS, Dataset
from training.data.votes import VOTE_COLUMNS, Votes

# FER+'s columns in the order of FER-2013's labels.
COLUMNS = [
    VOTE_COLUMNS.index(name) for name in ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
]
UNUSABLE = [VOTE_COLUMNS.index(name) for name in ("unknown", "NF")]


@dataclass(frozen=True)
class VoteShares:
    """Shares of the votes for the train and the validation faces, float32 (n, classes), and where they come from.

    A row sums to 1. A row of zeros is a face that the loss and the figures leave out (see `shares`).
    """

    train: np.ndarray
    validation: np.ndarray
    source: str = "FER+ votes"


def shares(votes: np.ndarray) -> np.ndarray:
    """Votes (n, 10) in the order of VOTE_COLUMNS to their shares over the seven labels, float32 (n, 7).

    Single votes are dropped as noise (Barsoum et al. 2016). A row is all zeros where more than half of the remaining
    votes are for unknown and not a face, or where none is for one of the seven labels.
    """
    kept = np.where(votes > 1, votes, 0)
    seven = kept[:, COLUMNS]
    usable = (seven.sum(1) > 0) & (kept[:, UNUSABLE].sum(1) <= kept.sum(1) / 2)
    return np.where(usable[:, None], seven / np.maximum(seven.sum(1, keepdims=True), 1), 0).astype(np.float32)


def vote_shares(votes: Votes, data: Dataset) -> VoteShares:
    """The targets of the votes head. Raises ValueError where the labels are not FER-2013's."""
    if data.labels != LABELS:
        raise ValueError(f"FER+ votes are for the labels {', '.join(LABELS)}; the data has {', '.join(data.labels)}.")
    return VoteShares(shares(votes["train"]), shares(votes["validation"]))


def loss(wanted: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Mean cross-entropy of logits (n, classes) with shares (n, classes), without the faces whose row is all zeros.

    A row has the weight of its sum, so a mixture (see `mixup.mix`) with a face that is left out counts in part.
    """
    # TensorFlow's own cross-entropy has a wrong gradient for rows that do not sum to 1.
    total = -tf.reduce_sum(wanted * tf.nn.log_softmax(logits))
    return total / tf.maximum(tf.reduce_sum(wanted), 1.0)


def agreement(wanted: np.ndarray, logits: np.ndarray) -> tuple[float, float]:
    """Mean cross-entropy in nats, and how often the likeliest label has the most votes (0..1).

    Of logits and shares (n, classes). Faces whose row is all zeros are left out of both, ties of the second. NaN
    without any face.
    """
    voted = wanted.sum(1) > 0
    ordered = np.sort(wanted, axis=1)
    clear = voted & (ordered[:, -1] > ordered[:, -2])
    right = wanted.argmax(1) == logits.argmax(1)
    losses = -(wanted * (logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))).sum(1)
    return (
        float(losses[voted].mean()) if voted.any() else float("nan"),
        float(right[clear].mean()) if clear.any() else float("nan"),
    )
