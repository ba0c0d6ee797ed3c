"""Runs: a recipe that trains in seconds, and runs that were never trained."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np

from training.data.dataset import SIZE, Dataset
from training.learning.recipe import Recipe

# Three batches per epoch of the tests' data. One size: compiling takes the time, once for each trainer and size.
TINY = Recipe(epochs=4, batch=21, sizes=((1.0, SIZE),), widths=(4, 8, 8), blocks=(1, 1), average_decay=0.5)


def write_run(folder: Path, recipe: Recipe, data: Dataset, votes: np.ndarray | None = None) -> Path:
    """best.npz and history.json of a run whose weights are random, by the recipe's seed.

    `votes` are the shares of the validation faces, for a recipe with a votes head.
    """
    from training.learning import network
    from training.learning.checkpoints import BEST, HISTORY, VALIDATION_VOTES, write_checkpoint

    random = np.random.default_rng(recipe.seed)
    variables = network.build(recipe.shape(len(data.labels))).variables
    metadata = {
        "recipe": json.dumps(asdict(recipe)),
        "data_sha256": data.sha256,
        "labels": data.labels,
        "soft": None,
        "votes": None if votes is None else "a die",
        "started_from": None,
        "epoch": 1,
    }
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {f"average/{i}": random.uniform(0.1, 0.5, v.shape).astype(np.float32) for i, v in enumerate(variables)}
    arrays |= {} if votes is None else {VALIDATION_VOTES: votes}
    write_checkpoint(folder / BEST, metadata, arrays)
    (folder / HISTORY).write_text(json.dumps([{"epoch": 1, "seconds": 2.5}]))
    return folder
