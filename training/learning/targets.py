"""What the network is trained towards: the labels, smoothed, and soft targets from the FER+ votes."""

from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression

# Weak regularisation, so that votes which tell the labels apart without error give finite weights. Measured: between
# 10 and 10,000, cross-entropy on train and validation changes by less than 0.001.
INVERSE_REGULARISATION = 100.0
# Of a label that no training face has.
LEAST_PROBABILITY = 1e-7


@dataclass(frozen=True)
class SoftTargets:
    """Probabilities for the train faces, float32 (n, classes) with rows that sum to 1, and where they come from."""

    targets: np.ndarray
    source: str


def smooth(labels: np.ndarray, classes: int, smoothing: float) -> np.ndarray:
    """Labels (n,) to float32 (n, classes) with `smoothing` spread over all classes (Szegedy et al. 2016)."""
    hard = np.eye(classes, dtype=np.float32)[labels]
    return hard * (1 - smoothing) + smoothing / classes


def fit_votes(votes: np.ndarray, labels: np.ndarray) -> LogisticRegression:
    """A model of P(label | votes) for `read_votes`, from votes (n, 10) and labels (n,) of the train split.

    A multinomial logistic regression of the label on the votes' shares and their squares. It maps the voters' eight
    emotions to the labels as the data set uses them: where voters see surprise, FER-2013 often says fear.
    """
    model = LogisticRegression(C=INVERSE_REGULARISATION, max_iter=1000)
    return model.fit(_vote_inputs(votes), labels)


def read_votes(votes: np.ndarray, model: LogisticRegression, classes: int) -> np.ndarray:
    """P(label | votes) of votes (n, 10), float32 (n, classes)."""
    probabilities = np.full((len(votes), classes), LEAST_PROBABILITY)
    probabilities[:, model.classes_] = model.predict_proba(_vote_inputs(votes))
    return (probabilities / probabilities.sum(1, keepdims=True)).astype(np.float32)


def _vote_inputs(votes: np.ndarray) -> np.ndarray:
    """Shares of the votes and their squares, (n, 20).

    Single votes are dropped as noise (Barsoum et al. 2016), unless there are no others.
    """
    kept = np.where(votes > 1, votes, 0)
    kept = np.where(kept.sum(1, keepdims=True) > 0, kept, votes)
    shares = kept / np.maximum(kept.sum(1, keepdims=True), 1)
    return np.concatenate([shares, shares**2], axis=1)
