"""How accuracy depends on the picture: by quarter of the faces' brightness and of their sharpness."""

from collections.abc import Callable

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from service import images
from training.release import metrics
from training.release.figures import BLUE, SOFT, STYLE

QUARTERS = 4
# Measured on the crop that the network sees, as the service does.
QUALITIES: dict[str, Callable[[np.ndarray], float]] = {
    "brightness": images.brightness,
    "sharpness": images.sharpness,
}
UNITS = {"brightness": "mean grey, 0 to 1", "sharpness": "variance of the Laplacian"}
DIGITS = {"brightness": ".2f", "sharpness": ",.0f"}


def measure(faces: np.ndarray, labels: np.ndarray, probabilities: np.ndarray) -> dict:
    """Accuracy with its 95 % interval, overall and by quarter, least first; plain numbers for JSON.

    Faces uint8 (n, h, w, 1), labels (n,), probabilities (n, classes). Raises ValueError for fewer faces than quarters.
    """
    if len(labels) < QUARTERS:
        raise ValueError(f"{len(labels)} faces cannot be parted into quarters.")
    right = probabilities.argmax(1) == labels
    parts = {}
    for name, quality in QUALITIES.items():
        values = np.array([quality(face) for face in faces[..., 0]])
        quarters = np.array_split(np.argsort(values, kind="stable"), QUARTERS)
        parts[name] = [
            {"from": float(values[rows[0]]), "to": float(values[rows[-1]])} | _accuracy(right[rows])
            for rows in quarters
        ]
    return _accuracy(right) | parts


def _accuracy(right: np.ndarray) -> dict:
    return {
        "faces": len(right),
        "accuracy": float(right.mean()),
        "accuracy_95": list(metrics.wilson(int(right.sum()), len(right))),
    }


def figure(result: dict) -> Figure:
    """A panel for each quality: accuracy by quarter with its interval, and the accuracy of all faces as a line."""
    with mpl.rc_context(STYLE):
        drawn, axes = plt.subplots(1, len(QUALITIES), figsize=(9, 3.8), sharey=True)
        for axis, name in zip(axes, QUALITIES, strict=True):
            rows = result[name]
            accuracy = 100 * np.array([row["accuracy"] for row in rows])
            ends = 100 * np.array([row["accuracy_95"] for row in rows]).T
            axis.axhline(100 * result["accuracy"], color=SOFT, lw=1, ls="--", label=f"all: {result['accuracy']:.1%}")
            whiskers = np.abs(ends - accuracy)
            axis.errorbar(range(len(rows)), accuracy, whiskers, fmt="o", color=BLUE, ms=7, capsize=4)
            for place, value in enumerate(accuracy):
                axis.annotate(f"{value:.1f}", (place, value), (7, 7), textcoords="offset points")
            digits = DIGITS[name]
            axis.set_xticks(range(len(rows)), [f"{row['from']:{digits}}\nto {row['to']:{digits}}" for row in rows])
            axis.set_xlim(-0.5, len(rows) - 0.4)
            axis.set_xlabel(f"{UNITS[name]}; a quarter of the faces each")
            axis.yaxis.grid(True)
            axis.set_title(f"By {name}")
        axes[0].set_ylabel("accuracy (%), 95 % interval")
        axes[0].legend(loc="lower right")
        drawn.suptitle(f"Accuracy by picture quality, {result['faces']:,} faces", fontweight="bold")
    return drawn
