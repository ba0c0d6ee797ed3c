"""The twin of a model that has learned from the validation faces: the same recipe without them.

A model's figures on faces that it has learned from say nothing of new faces. So its calibration is fitted to its twin's
answers, and whatever is measured on the validation split is measured on the twin's file, which lies beside the model's.
The test split is new to both. `training.learning.twin` has the rules for runs.
"""

from pathlib import Path

import onnx


def path(model: Path) -> Path:
    """Where the twin's file lies: emotion.twin.onnx beside emotion.onnx."""
    return model.with_suffix(".twin.onnx")


def of_file(model: Path) -> Path:
    """The file that is measured on the validation split: the model's own, or its twin's.

    Raises ValueError where a twin is needed and the file beside the model is missing or another model's twin.
    """
    wanted = _metadata(model).get("twin")
    if wanted is None:
        return model
    twin = path(model)
    if not twin.exists():
        raise ValueError(f"{model} has learned from the validation faces; {twin}, which has not, is missing.")
    if not _metadata(twin).get("version", "").endswith(f"+{wanted}"):
        raise ValueError(f"{twin} is not the twin of {model}, whose weights are {wanted}.")
    return twin


def _metadata(model: Path) -> dict[str, str]:
    return {entry.key: entry.value for entry in onnx.load(model).metadata_props}
