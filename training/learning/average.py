"""The mean of several runs' weights: one network, as quick as each of them (model soups, Wortsman et al. 2022)."""

import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from training.data.dataset import Dataset
from training.learning import checkpoints
from training.learning.predict import score
from training.learning.recipe import Recipe


def average(runs: Sequence[Path], folder: Path, data: Dataset) -> list[tuple[str, float, float]]:
    """Write the mean of the runs' best weights to `folder`, as a run that `export` takes.

    A run that is given twice counts twice. Recipe and curves are the first run's; the others are named beside.
    Runs that began with the same weights tend to end in one valley of the loss, whose middle is better than its
    slopes; PublicTest tells whether these did.

    Returns name, mean cross-entropy and accuracy on PublicTest of every run and of the mean. Raises ValueError for
    fewer than two runs, for networks, labels or data that differ, and where `folder` holds a run; FileNotFoundError
    for a run without weights.
    """
    if len(runs) < 2:
        raise ValueError(f"a mean is of at least two runs, and {runs[0]} is one; give --of twice.")
    if (folder / checkpoints.BEST).exists() or (folder / checkpoints.CHECKPOINT).exists():
        raise ValueError(f"{folder} holds a run; name another --run for the mean.")
    first, _ = checkpoints.read_checkpoint(runs[0] / checkpoints.BEST)
    sums: dict[str, np.ndarray] = {}
    others = []
    for run, times in Counter(runs).items():
        words, arrays = checkpoints.read_checkpoint(run / checkpoints.BEST)
        if words["data_sha256"] != data.sha256:
            raise ValueError(f"{run / checkpoints.BEST} was trained on other data (sha256 {words['data_sha256']})")
        if words["labels"] != first["labels"] or _shape(words) != _shape(first):
            raise ValueError(
                f"{run / checkpoints.BEST} is another network than {runs[0] / checkpoints.BEST}; they have no mean."
            )
        share = times / len(runs)
        for name, array in arrays.items():
            sums[name] = sums.get(name, 0) + share * array
        if run != runs[0]:
            seconds = sum(epoch["seconds"] for epoch in checkpoints.story(run)["history"])
            seed = Recipe.from_json(words["recipe"]).seed
            others.append({"name": run.name, "share": share, "epoch": words["epoch"], "seed": seed, "seconds": seconds})
    folder.mkdir(parents=True, exist_ok=True)
    checkpoints.write_checkpoint(folder / checkpoints.BEST, first | {"averaged_with": others}, sums)
    shutil.copy(runs[0] / checkpoints.HISTORY, folder / checkpoints.HISTORY)
    return [(each.name, *score(checkpoints.load_best(each)[0], data.public_test)) for each in (*Counter(runs), folder)]


def _shape(words: dict) -> object:
    return Recipe.from_json(words["recipe"]).shape(len(words["labels"]))
