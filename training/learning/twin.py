"""The run of a twin: the recipe of a run that learns from the validation faces, without them.

`training.release.twin` says what it is for.
"""

import json
from dataclasses import replace
from pathlib import Path

from training.learning import checkpoints
from training.learning.recipe import Recipe


def of_run(run: Path, twin: Path | None, *, best: bool) -> Path:
    """The run that is calibrated and measured on the validation split in place of `run`: itself, or its twin.

    Raises ValueError where `run` has learned from the validation faces and there is no twin with the same recipe, and
    where there is one that is not needed.
    """
    how, learned = _how(run, best=best)
    if not learned:
        if twin is not None:
            raise ValueError(f"{run} has not learned from the validation faces: leave out --twin.")
        return run
    if twin is None:
        raise ValueError(f"{run} has learned from the validation faces: name the run of its twin with --twin.")
    if _how(twin, best=best) != (how, False):
        raise ValueError(f"{twin} is not the twin of {run}: the same recipe without --with-validation.")
    return twin


def _how(run: Path, *, best: bool) -> tuple[tuple[Recipe, list[float]], bool]:
    """What a run has in common with its twin, and whether the run, or one that it is a mean of, has the faces.

    In common are the recipe and the shares of the runs that it was averaged with.
    """
    record = checkpoints.training_record(run, best=best)
    recipe = Recipe.from_json(json.dumps(record["recipe"]))
    learned = recipe.with_validation or any(other.get("with_validation") for other in record["averaged_with"])
    return (replace(recipe, with_validation=False), [other["share"] for other in record["averaged_with"]]), learned
