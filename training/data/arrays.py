"""The arrays that a reader of files returns and that a cache file holds."""

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
    label_names: tuple[str, ...] = LABELS,
    note: str = "",
) -> dict[str, np.ndarray]:
    """Sort faces by split and add a checksum.

    Faces uint8 of n * 48 * 48 values in any shape; labels and splits are n indices, into `label_names` and SPLITS.
    Returns `faces` uint8 (n, 48, 48, 1), `labels` int64 (n,), `splits` int8 (n,), and the strings `sha256`, `name`,
    `label_names` and `note`.
    """
    order = np.argsort(splits, kind="stable")
    arrays = {
        "faces": faces.reshape(-1, SIZE, SIZE, 1)[order],
        "labels": np.array(labels, np.int64)[order],
        "splits": np.array(splits, np.int8)[order],
    }
    digest = hashlib.sha256()
    for part in ("splits", "labels", "faces"):
        digest.update(np.ascontiguousarray(arrays[part]).tobytes())
    if label_names != LABELS:
        # The same pictures with other label names are other data.
        digest.update(json.dumps(label_names).encode())
    about = {"sha256": digest.hexdigest(), "name": name, "label_names": label_names, "note": note}
    return arrays | {key: np.array(value) for key, value in about.items()}
