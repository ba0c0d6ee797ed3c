"""What the network is asked to answer: FER-2013's labels, softened by what ten FER+ voters saw."""

import hashlib

import numpy as np


def smooth(labels: np.ndarray, classes: int, smoothing: float) -> np.ndarray:
    """Labels (n,) to float32 (n, classes) with `smoothing` spread over all classes (Szegedy et al. 2016)."""
    hard = np.eye(classes, dtype=np.float32)[labels]
    return hard * (1 - smoothing) + smoothing / classes


def from_votes(votes: np.ndarray, labels: np.ndarray, classes: int, steps: int = 500) -> np.ndarray:
    """Votes (n, 10) to P(FER-2013 label | votes), float32 (n, classes).

    A logistic regression of the label on the votes' shares, fitted by full-batch gradient descent on the
    Training rows. It turns the voters' eight emotions into FER-2013's seven, with FER-2013's own habits,
    and is a teacher that has seen what people said of this face. Votes of one are dropped as noise
    (as the FER+ paper does), unless that leaves nothing.
    """
    kept = np.where(votes > 1, votes, 0)
    kept = np.where(kept.sum(1, keepdims=True) > 0, kept, votes)
    shares = kept / np.maximum(kept.sum(1, keepdims=True), 1)
    inputs = np.concatenate([shares, shares**2, np.ones((len(shares), 1))], axis=1)
    hard = np.eye(classes)[labels]
    weights = np.zeros((inputs.shape[1], classes))
    velocity = np.zeros_like(weights)
    for _ in range(steps):
        gradient = inputs.T @ (_softmax(inputs @ weights) - hard) / len(inputs)
        velocity = 0.9 * velocity - 2.0 * gradient
        weights += velocity
    return _softmax(inputs @ weights).astype(np.float32)


def sha256(targets: np.ndarray) -> str:
    """Tells a run that goes on from one that was begun with other votes."""
    return hashlib.sha256(np.ascontiguousarray(targets, np.float32).tobytes()).hexdigest()


def _softmax(logits: np.ndarray) -> np.ndarray:
    exponent = np.exp(logits - logits.max(1, keepdims=True))
    return exponent / exponent.sum(1, keepdims=True)
