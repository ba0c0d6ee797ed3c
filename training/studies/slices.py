"""How accuracy depends on picture quality: by quarters of the faces sorted by brightness and by sharpness."""

from collections.abc import Callable

import numpy as np

from service import images
from training.release import metrics

QUARTERS = 4
# Measured on the crop, as the service does.
QUALITIES: dict[str, Callable[[np.ndarray], float]] = {
    "brightness": images.brightness,
    "sharpness": images.sharpness,
}


def measure(faces: np.ndarray, labels: np.ndarray, probabilities: np.ndarray) -> dict:
    """Accuracy with its 95 % interval, overall and by quarter, least first; plain numbers for JSON.

    Faces uint8 (n, h, w, 1), labels (n,), probabilities (n, classes). Raises ValueError for fewer faces than quarters.
    """
    if len(labels) < QUARTERS:
        raise ValueError(f"{len(labels)} faces cannot be divided into quarters.")
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
