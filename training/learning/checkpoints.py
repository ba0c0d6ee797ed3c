"""The files of a run: checkpoint, kept weights and history."""

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
# The averaged network of the last epoch, and that of the epoch which was best on the validation split.
LAST = "last.npz"
BEST = "best.npz"
HISTORY = "history.json"
# Names of arrays in these files.
TRAIN_VOTES = "votes/train"
VALIDATION_VOTES = "votes/validation"


def write_checkpoint(path: Path, metadata: dict, arrays: dict[str, np.ndarray]) -> None:
    """Write what `read_checkpoint` reads. An interruption leaves the old file or the new one, never a part."""
    unfinished = path.with_suffix(".tmp.npz")
    np.savez(unfinished, allow_pickle=False, metadata=np.array(json.dumps(metadata)), **arrays)
    unfinished.replace(path)


def read_checkpoint(path: Path) -> tuple[dict, dict[str, np.ndarray]]:
    """Metadata and arrays of a checkpoint or of kept weights. Raises FileNotFoundError."""
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


def kept(folder: Path, *, best: bool = False) -> Path:
    """The file of a run's averaged network: of the last epoch, or of the epoch that was `best` on the validation split.

    The best of many epochs is partly luck, and its figures are too good. Older runs kept nothing else.
    """
    return folder / (LAST if (folder / LAST).exists() and not best else BEST)


def load_kept(folder: Path, *, oriented: bool = True, best: bool = False) -> tuple[keras.Model, Recipe, dict]:
    """The averaged network of a run (see `kept`), its recipe and the metadata of its file.

    `oriented` builds it as it is served (see `network.build`). Raises FileNotFoundError.
    """
    metadata, arrays = read_checkpoint(kept(folder, best=best))
    recipe = Recipe.from_json(metadata["recipe"])
    model = network.build(recipe.shape(len(metadata["labels"])), oriented=oriented)
    for i, variable in enumerate(model.variables):
        variable.assign(arrays[f"average/{i}"])
    return model, recipe, metadata


def validation_votes(folder: Path, *, best: bool = False) -> np.ndarray | None:
    """Shares of the votes (n, classes) for the validation faces, where the run has a votes head."""
    _, arrays = read_checkpoint(kept(folder, best=best))
    return arrays.get(VALIDATION_VOTES)


def training_record(folder: Path, *, best: bool = False) -> dict:
    """How the kept weights of a run were trained: recipe, sources and the figures of every epoch.

    Plain values for JSON; the export writes them into the ONNX file. Raises FileNotFoundError.
    """
    metadata, _ = read_checkpoint(kept(folder, best=best))
    return {
        "recipe": json.loads(metadata["recipe"]),
        "classes": len(metadata["labels"]),
        "soft": metadata["soft"],
        "votes": metadata.get("votes"),
        "started_from": metadata["started_from"],
        "exported_epoch": metadata["epoch"],
        "averaged_with": metadata.get("averaged_with", []),
        # How the votes head was fitted, where it was not trained with the network (`votes_head`).
        "votes_fit": metadata.get("votes_fit"),
        "history": rename_old_keys(json.loads((folder / HISTORY).read_text())),
    }


def fingerprint(weights: Iterable[np.ndarray]) -> str:
    """Eight hex digits of the SHA-256 of a network's weights, in the order of `model.variables`."""
    return hashlib.sha256(b"".join(np.ascontiguousarray(value).tobytes() for value in weights)).hexdigest()[:8]
