"""What a reader of files hands over, and a cache file holds: plain arrays by name."""

import hashlib
import json

import numpy as np

from training.data.dataset import FER2013, LABELS, SIZE


def pack(
    faces: np.ndarray,
    labels: list[int],
    splits: list[int],
    *,
    name: str = FER2013,
    words: tuple[str, ...] = LABELS,
    note: str = "",
) -> dict[str, np.ndarray]:
    order = np.argsort(splits, kind="stable")
    arrays = {
        "faces": faces.reshape(-1, SIZE, SIZE, 1)[order],
        "labels": np.array(labels, np.int64)[order],
        "splits": np.array(splits, np.int8)[order],
    }
    digest = hashlib.sha256()
    for part in ("splits", "labels", "faces"):
        digest.update(np.ascontiguousarray(arrays[part]).tobytes())
    if words != LABELS:
        # The same pictures under other words are other data.
        digest.update(json.dumps(words).encode())
    about = {"sha256": digest.hexdigest(), "name": name, "words": words, "note": note}
    return arrays | {key: np.array(value) for key, value in about.items()}
