"""The files of a run: checkpoint, best weights and history."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

import keras
import numpy as np

from training.data.dataset import LABELS, Dataset
from training.learning import network
from training.learning.history import rename_old_keys
from training.learning.recipe import Recipe

CHECKPOINT = "checkpoint.npz"
BEST = "best.npz"
HISTORY = "history.json"


def write_checkpoint(path: Path, metadata: dict, arrays: dict[str, np.ndarray]) -> None:
    """Write what `read_checkpoint` reads. An interruption leaves the old file or the new one, never a part."""
    unfinished = path.with_suffix(".tmp.npz")
    np.savez(unfinished, allow_pickle=False, metadata=np.array(json.dumps(metadata)), **arrays)
    unfinished.replace(path)


def read_checkpoint(path: Path) -> tuple[dict, dict[str, np.ndarray]]:
    """Metadata and arrays of a checkpoint or of the best weights. Raises FileNotFoundError."""
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist; `python -m training train` writes it.")
    with np.load(path) as file:
        arrays = dict(file)
    # Older files call the metadata `words`, and those from when FER-2013 was the only data set name no labels.
    metadata = json.loads(str(arrays.pop("metadata" if "metadata" in arrays else "words")))
    metadata = {"labels": list(LABELS)} | metadata
    if "progress" in metadata:
        metadata["progress"]["history"] = rename_old_keys(metadata["progress"]["history"])
    return metadata, arrays


def check_data(path: Path, metadata: dict, data: Dataset) -> None:
    """Raise ValueError where a checkpoint's data is not `data`."""
    if metadata["data_sha256"] != data.sha256:
        raise ValueError(f"{path} was trained on other data (sha256 {metadata['data_sha256']})")


def load_best(folder: Path, *, oriented: bool = True) -> tuple[keras.Model, Recipe, dict]:
    """The averaged network that was best on the validation split, its recipe and the metadata of its file.

    `oriented` builds it as it is served (see `network.build`). Raises FileNotFoundError.
    """
    metadata, arrays = read_checkpoint(folder / BEST)
    recipe = Recipe.from_json(metadata["recipe"])
    model = network.build(recipe.shape(len(metadata["labels"])), oriented=oriented)
    for i, variable in enumerate(model.variables):
        variable.assign(arrays[f"average/{i}"])
    return model, recipe, metadata


def training_record(folder: Path) -> dict:
    """How the best weights of a run were trained: recipe, sources and the figures of every epoch.

    Plain values for JSON; the export writes them into the ONNX file. Raises FileNotFoundError.
    """
    metadata, _ = read_checkpoint(folder / BEST)
    return {
        "recipe": json.loads(metadata["recipe"]),
        "classes": len(metadata["labels"]),
        "soft": metadata["soft"],
        "started_from": metadata["started_from"],
        "exported_epoch": metadata["epoch"],
        "averaged_with": metadata.get("averaged_with", []),
        "history": rename_old_keys(json.loads((folder / HISTORY).read_text())),
    }


def fingerprint(weights: Iterable[np.ndarray]) -> str:
    """Eight hex digits of the SHA-256 of a network's weights, in the order of `model.variables`."""
    return hashlib.sha256(b"".join(np.ascontiguousarray(value).tobytes() for value in weights)).hexdigest()[:8]
