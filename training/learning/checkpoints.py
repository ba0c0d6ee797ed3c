"""The files of a run: checkpoint, best weights and history."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

import keras
import numpy as np

from training.data.dataset import LABELS
from training.learning import network
from training.learning.recipe import Recipe

CHECKPOINT = "checkpoint.npz"
BEST = "best.npz"
HISTORY = "history.json"


def write_checkpoint(path: Path, words: dict, arrays: dict[str, np.ndarray]) -> None:
    """What `read_checkpoint` reads; the file is either the old one or the new one."""
    unfinished = path.with_suffix(".tmp.npz")
    np.savez(unfinished, allow_pickle=False, words=np.array(json.dumps(words)), **arrays)
    unfinished.replace(path)


def read_checkpoint(path: Path) -> tuple[dict, dict[str, np.ndarray]]:
    """The words and the arrays of a checkpoint or of the best weights."""
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist; `python -m training train` writes it.")
    with np.load(path) as file:
        arrays = dict(file)
    words = json.loads(str(arrays.pop("words")))
    # Checkpoints once named no labels, when FER-2013's were the only ones.
    return {"labels": list(LABELS)} | words, arrays


def load_best(folder: Path, *, oriented: bool = True) -> tuple[keras.Model, Recipe, dict]:
    """The averaged network that was best on PublicTest, as it is served (see `network.build`); recipe; words."""
    words, arrays = read_checkpoint(folder / BEST)
    recipe = Recipe.from_json(words["recipe"])
    model = network.build(recipe.shape(len(words["labels"])), oriented=oriented)
    for i, variable in enumerate(model.variables):
        variable.assign(arrays[f"average/{i}"])
    return model, recipe, words


def story(folder: Path) -> dict:
    """How the best weights of a run came about, for the exported file: recipe, sources and every epoch's figures."""
    words, _ = read_checkpoint(folder / BEST)
    return {
        "recipe": json.loads(words["recipe"]),
        "classes": len(words["labels"]),
        "soft": words["soft"],
        "started_from": words["started_from"],
        "exported_epoch": words["epoch"],
        "averaged_with": words.get("averaged_with", []),
        "history": json.loads((folder / HISTORY).read_text()),
    }


def fingerprint(weights: Iterable[np.ndarray]) -> str:
    """Eight hex digits that tell one network's weights from another's, in the order of `model.variables`."""
    return hashlib.sha256(b"".join(np.ascontiguousarray(value).tobytes() for value in weights)).hexdigest()[:8]
