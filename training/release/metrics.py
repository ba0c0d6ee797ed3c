"""Figures of merit of predicted probabilities: pure functions of arrays."""

import math

import numpy as np
from sklearn.metrics import confusion_matrix, f1_score, log_loss, precision_score, recall_score

BINS = 15


def measure(probabilities: np.ndarray, labels: np.ndarray, names: tuple[str, ...]) -> dict:
    """Everything that is said of one split: probabilities (n, classes), labels (n,); plain numbers for JSON."""
    classes = np.arange(len(names))
    answers = probabilities.argmax(1)
    recall = recall_score(labels, answers, labels=classes, average=None, zero_division=0)
    precision = precision_score(labels, answers, labels=classes, average=None, zero_division=0)
    right = int((answers == labels).sum())
    return {
        "faces": len(labels),
        "accuracy": right / len(labels),
        "accuracy_95": list(wilson(right, len(labels))),
        "macro_f1": float(f1_score(labels, answers, labels=classes, average="macro", zero_division=0)),
        "nll": nll(probabilities, labels),
        "ece": calibration_error(probabilities, labels),
        "recall": dict(zip(names, recall.tolist(), strict=True)),
        "precision": dict(zip(names, precision.tolist(), strict=True)),
        "confusion": confusion_matrix(labels, answers, labels=classes).tolist(),
    }


def nll(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Mean negative log likelihood of the given labels, in nats."""
    # In double precision and summing to 1 exactly, or scikit-learn warns.
    exact = np.asarray(probabilities, np.float64)
    return float(log_loss(labels, exact / exact.sum(1, keepdims=True), labels=np.arange(exact.shape[1])))


def calibration_error(probabilities: np.ndarray, labels: np.ndarray, bins: int = BINS) -> float:
    """Expected calibration error (Guo et al. 2017): |accuracy - confidence| over equal bins, weighted by faces."""
    confidence, right = probabilities.max(1).astype(np.float64), probabilities.argmax(1) == labels
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = np.bincount(place, right - confidence, minlength=bins)
    return float(np.abs(gaps).sum() / len(labels))


def wilson(right: int, count: int, z: float = 1.959964) -> tuple[float, float]:
    """95 % score interval of a share (Wilson 1927)."""
    share = right / count
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return middle - half, middle + half


def plausible_threshold(probabilities: np.ndarray, labels: np.ndarray, coverage: float) -> float:
    """Split-conformal threshold: labels with at least this probability hold the true one in `coverage` of cases.

    The k-th largest probability of a true label with k = ceil((n + 1) coverage), which is the finite-sample
    correction (Sadinle, Lei and Wasserman 2019); 0, so every label, where n is too small to promise that much.
    """
    own = np.sort(probabilities[np.arange(len(labels)), labels])[::-1]
    rank = math.ceil((len(own) + 1) * coverage)
    return float(own[rank - 1]) if rank <= len(own) else 0.0


def label_sets(probabilities: np.ndarray, labels: np.ndarray, threshold: float) -> dict:
    """How the sets {label: p >= threshold, and the likeliest} fare: do they hold the true label, how large are they?"""
    plausible = probabilities >= threshold
    plausible[np.arange(len(labels)), probabilities.argmax(1)] = True
    single = plausible.sum(1) == 1
    right = probabilities.argmax(1) == labels
    return {
        "coverage": float(plausible[np.arange(len(labels)), labels].mean()),
        "mean_size": float(plausible.sum(1).mean()),
        "single": float(single.mean()),
        # Nothing to be right about where no set has one label.
        "accuracy_where_single": float(right[single].mean()) if single.any() else None,
    }
