"""Ten-crop: the mean answer over views of a face, as papers report it beside or instead of one pass.

The views are the four corners and the centre, enlarged to the full size, and their mirror images. The shipped network
answers a face and its mirror image alike (`network.Orient`), so five views stand for ten.
"""

import numpy as np

from service import images
from service.classifier import EmotionClassifier
from training.data.dataset import Split
from training.release import evaluate, metrics

CROP_SHARE = 11 / 12
"""The side of a view, of the face's: 44 of 48 pixels, near the 40 of 44 that others use."""


def measure(classifier: EmotionClassifier, split: Split) -> dict:
    """Accuracy of the mean of all views; plain numbers for JSON."""
    size = round(CROP_SHARE * split.faces.shape[1])
    found = [evaluate.probabilities(classifier, view, "ten crops") for view in views(split.faces, size)]
    right = int((np.mean(found, axis=0).argmax(1) == split.labels).sum())
    return {
        "accuracy": right / len(split),
        "accuracy_95": list(metrics.wilson(right, len(split))),
        "crop_px": size,
    }


def views(faces: np.ndarray, size: int) -> list[np.ndarray]:
    """The corners and the centre of faces uint8 (n, h, w, 1), `size` pixels wide, each enlarged to (n, h, w, 1)."""
    height, width = faces.shape[1:3]
    bottom, right = height - size, width - size
    corners = ((0, 0), (0, right), (bottom, 0), (bottom, right), (bottom // 2, right // 2))
    parts = (faces[:, top : top + size, left : left + size, 0] for top, left in corners)
    return [np.stack([images.resize(face, (width, height)) for face in part])[..., None] for part in parts]
