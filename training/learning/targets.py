"""What the network is asked to answer: FER-2013's labels, softened by what ten FER+ voters saw."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Soft:
    """What others would answer for the Training faces: float32 (n, classes) of sum 1, and who they are, in words."""

    targets: np.ndarray
    source: str


def smooth(labels: np.ndarray, classes: int, smoothing: float) -> np.ndarray:
    """Labels (n,) to float32 (n, classes) with `smoothing` spread over all classes (Szegedy et al. 2016)."""
    hard = np.eye(classes, dtype=np.float32)[labels]
    return hard * (1 - smoothing) + smoothing / classes


def fit_votes(votes: np.ndarray, labels: np.ndarray, classes: int, steps: int = 500) -> np.ndarray:
    """Weights of P(FER-2013 label | votes) for `read_votes`, from votes (n, 10) and labels of the Training rows.

    A logistic regression of the label on the votes' shares, fitted by full-batch gradient descent. It turns
    the voters' eight emotions into FER-2013's seven, with FER-2013's own habits.
    """
    inputs = _vote_inputs(votes)
    hard = np.eye(classes)[labels]
    weights = np.zeros((inputs.shape[1], classes))
    velocity = np.zeros_like(weights)
    for _ in range(steps):
        gradient = inputs.T @ (_softmax(inputs @ weights) - hard) / len(inputs)
        velocity = 0.9 * velocity - 2.0 * gradient
        weights += velocity
    return weights


def read_votes(votes: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """P(FER-2013 label | votes), float32 (n, classes)."""
    return _softmax(_vote_inputs(votes) @ weights).astype(np.float32)


def _vote_inputs(votes: np.ndarray) -> np.ndarray:
    """Votes of one are dropped as noise (as the FER+ paper does), unless that leaves nothing."""
    kept = np.where(votes > 1, votes, 0)
    kept = np.where(kept.sum(1, keepdims=True) > 0, kept, votes)
    shares = kept / np.maximum(kept.sum(1, keepdims=True), 1)
    return np.concatenate([shares, shares**2, np.ones((len(shares), 1))], axis=1)


def _softmax(logits: np.ndarray) -> np.ndarray:
    exponent = np.exp(logits - logits.max(1, keepdims=True))
    return exponent / exponent.sum(1, keepdims=True)
