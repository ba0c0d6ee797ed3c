"""Measures of predicted probabilities: pure functions of arrays."""

import math

import numpy as np
from scipy.stats import binomtest
from sklearn.metrics import confusion_matrix, f1_score, log_loss, precision_score, recall_score

BINS = 15


def measure(probabilities: np.ndarray, labels: np.ndarray, names: tuple[str, ...]) -> dict:
    """All measures of one split, from probabilities (n, classes) and labels (n,); plain numbers for JSON."""
    classes = np.arange(len(names))
    answers = probabilities.argmax(1)
    recall = recall_score(labels, answers, labels=classes, average=None, zero_division=0)
    precision = precision_score(labels, answers, labels=classes, average=None, zero_division=0)
    correct = int((answers == labels).sum())
    return {
        "faces": len(labels),
        "accuracy": correct / len(labels),
        "accuracy_95": list(wilson(correct, len(labels))),
        "macro_f1": float(f1_score(labels, answers, labels=classes, average="macro", zero_division=0)),
        "nll": nll(probabilities, labels),
        "ece": calibration_error(probabilities, labels),
        "ece_by_chance": calibration_error_by_chance(probabilities),
        "recall": dict(zip(names, recall.tolist(), strict=True)),
        "precision": dict(zip(names, precision.tolist(), strict=True)),
        "confusion": confusion_matrix(labels, answers, labels=classes).tolist(),
    }


def nll(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Mean negative log likelihood of the given labels, in nats."""
    # scikit-learn warns unless the sums are 1 in double precision.
    exact = np.asarray(probabilities, np.float64)
    return float(log_loss(labels, exact / exact.sum(1, keepdims=True), labels=np.arange(exact.shape[1])))


def calibration_error(probabilities: np.ndarray, labels: np.ndarray, bins: int = BINS) -> float:
    """Expected calibration error (Guo et al. 2017): |accuracy - confidence| over equal bins, weighted by faces."""
    confidence, right = probabilities.max(1).astype(np.float64), probabilities.argmax(1) == labels
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = np.bincount(place, right - confidence, minlength=bins)
    return float(np.abs(gaps).sum() / len(labels))


def calibration_error_by_chance(probabilities: np.ndarray, draws: int = 1000, bins: int = BINS) -> dict[str, float]:
    """The calibration error that noise alone gives to so many faces (consistency resampling, Bröcker and Smith 2007).

    Labels are drawn from the probabilities (n, classes) themselves, which are then perfectly calibrated: the mean over
    the draws, and what one draw in twenty exceeds.
    """
    confidence = probabilities.max(1).astype(np.float64)
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    random = np.random.default_rng(0)
    errors = [
        np.abs(np.bincount(place, (random.random(len(place)) < confidence) - confidence, minlength=bins)).sum()
        for _ in range(draws)
    ]
    return {"mean": float(np.mean(errors) / len(place)), "p95": float(np.quantile(errors, 0.95) / len(place))}


def share_calibration_error(predicted: np.ndarray, wanted: np.ndarray, bins: int = BINS) -> float:
    """As `calibration_error`, for predicted and wanted shares (n, classes) of votes.

    All labels of all faces, in bins by predicted share: |mean wanted - mean predicted|, weighted by the number of
    values and multiplied by the number of labels.
    """
    place = np.minimum((predicted * bins).astype(int), bins - 1).ravel()
    gaps = np.bincount(place, (wanted - predicted).ravel(), minlength=bins)
    return float(np.abs(gaps).sum() / len(predicted))


def wilson(correct: int, count: int) -> tuple[float, float]:
    """95 % score interval of the share correct / count (Wilson 1927)."""
    interval = binomtest(correct, count).proportion_ci(confidence_level=0.95, method="wilson")
    return float(interval.low), float(interval.high)


def prediction_set_threshold(probabilities: np.ndarray, labels: np.ndarray, coverage: float) -> float:
    """The threshold of split-conformal prediction sets (Sadinle, Lei and Wasserman 2019).

    For new faces, the labels with at least this probability include the true one with probability `coverage`. It is the
    k-th largest probability of a true label, k = ceil((n + 1) coverage); 0, so all labels, where n is too small.
    Probabilities (n, classes), labels (n,).
    """
    of_label = np.sort(probabilities[np.arange(len(labels)), labels])[::-1]
    rank = math.ceil((len(of_label) + 1) * coverage)
    return float(of_label[rank - 1]) if rank <= len(of_label) else 0.0


def prediction_sets(probabilities: np.ndarray, labels: np.ndarray, threshold: float) -> dict:
    """How often the prediction sets {label: p >= threshold, and the likeliest} hold the true label, and their size."""
    included = probabilities >= threshold
    included[np.arange(len(labels)), probabilities.argmax(1)] = True
    single = included.sum(1) == 1
    correct = probabilities.argmax(1) == labels
    return {
        "coverage": float(included[np.arange(len(labels)), labels].mean()),
        "mean_size": float(included.sum(1).mean()),
        "single": float(single.mean()),
        "accuracy_where_single": float(correct[single].mean()) if single.any() else None,
    }
