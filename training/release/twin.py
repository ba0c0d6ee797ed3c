"""The twin of a model that has learned from the validation faces: the same recipe without them.

A model's figures on faces that it has learned from say nothing of new faces. So its calibration is fitted to its twin's
answers, and whatever is measured on the validation split is measured on the twin's file, which lies beside the model's.
The test split is new to both.
"""

import json
from dataclasses import replace
from pathlib import Path

import onnx

from training.learning import checkpoints
from training.learning.recipe import Recipe


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


def _metadata(model: Path) -> dict[str, str]:
    return {entry.key: entry.value for entry in onnx.load(model).metadata_props}
