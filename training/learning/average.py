"""The mean of several runs' weights: one network, as fast as each of them (model soups, Wortsman et al. 2022)."""

import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from training.data.dataset import Dataset
from training.learning import checkpoints
from training.learning.checkpoints import CHECKPOINT, HISTORY, LAST, kept
from training.learning.predict import score
from training.learning.recipe import Recipe


def average(runs: Sequence[Path], folder: Path, data: Dataset) -> list[tuple[str, float, float]]:
    """Write the mean of the runs' weights to `folder`, as a run that `export` reads.

    A run that is given twice counts twice. Recipe and learning curves are the first run's; the others are named beside.
    The mean is only good where the runs ended in one basin of the loss, as runs with the same initial weights tend to;
    the validation split shows whether they did.

    Returns name, mean cross-entropy in nats and accuracy on the validation split of every run and of the mean. Raises
    ValueError for fewer than two runs, for networks, labels or data that differ, and where `folder` holds a run;
    FileNotFoundError for a run without weights.
    """
    if len(runs) < 2:
        raise ValueError(f"a mean is of at least two runs, and {runs[0]} is one; give --of twice.")
    if kept(folder).exists() or (folder / CHECKPOINT).exists():
        raise ValueError(f"{folder} holds a run; name another --run for the mean.")
    first, _ = checkpoints.read_checkpoint(kept(runs[0]))
    sums: dict[str, np.ndarray] = {}
    others = []
    for run, times in Counter(runs).items():
        metadata, arrays = checkpoints.read_checkpoint(kept(run))
        checkpoints.check_data(kept(run), metadata, data)
        if metadata["labels"] != first["labels"] or _shape(metadata) != _shape(first):
            raise ValueError(f"{kept(run)} is another network than {kept(runs[0])}; they have no mean.")
        recipe, share = Recipe.from_json(metadata["recipe"]), times / len(runs)
        for name, array in arrays.items():
            sums[name] = sums.get(name, 0) + share * array
        if run != runs[0]:
            others.append(
                {
                    "name": run.name,
                    "share": share,
                    "epoch": metadata["epoch"],
                    "seed": recipe.seed,
                    "with_validation": recipe.with_validation,
                    "seconds": sum(epoch["seconds"] for epoch in checkpoints.training_record(run)["history"]),
                }
            )
    folder.mkdir(parents=True, exist_ok=True)
    checkpoints.write_checkpoint(folder / LAST, first | {"averaged_with": others}, sums)
    shutil.copy(runs[0] / HISTORY, folder / HISTORY)
    return [(each.name, *score(checkpoints.load_kept(each)[0], data.validation)) for each in (*Counter(runs), folder)]


def _shape(metadata: dict) -> object:
    return Recipe.from_json(metadata["recipe"]).shape(len(metadata["labels"]))
