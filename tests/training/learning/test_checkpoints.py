"""The files of a run, today's and older ones."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.training.runs import TINY
from training.data.dataset import Dataset
from training.learning.checkpoints import (
    BEST,
    CHECKPOINT,
    HISTORY,
    load_kept,
    read_checkpoint,
    training_record,
)
from training.learning.predict import predict, score
from training.learning.train import Trainer


def test_a_checkpoint_holds_weights_average_and_optimiser(run: Path) -> None:
    _, arrays = read_checkpoint(run / CHECKPOINT)
    assert {key.split("/")[0] for key in arrays} == {"average", "model", "optimiser"}
    _, arrays = read_checkpoint(run / BEST)
    assert {key.split("/")[0] for key in arrays} == {"average"}


def test_missing_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"checkpoint.npz does not exist; `python -m training train` writes it"):
        read_checkpoint(tmp_path / CHECKPOINT)


def test_what_is_kept_is_what_was_scored(run: Path, data: Dataset) -> None:
    history = json.loads((run / HISTORY).read_text())
    for row, best in ((history[-1], False), (max(history, key=lambda row: row["validation_accuracy"]), True)):
        model, _, metadata = load_kept(run, best=best)
        loss, accuracy = score(model, data.validation)
        assert metadata["epoch"] == row["epoch"]
        assert loss == pytest.approx(row["validation_loss"], rel=1e-5)
        assert accuracy == row["validation_accuracy"]
    assert history[-1]["loss"] < history[0]["loss"]


def test_the_best_takes_a_face_and_its_mirror_image_for_one(run: Path, data: Dataset) -> None:
    faces = data.validation.faces
    gaps = []
    for oriented in (True, False):
        model, _, _ = load_kept(run, oriented=oriented)
        gaps.append(np.abs(predict(model, faces) - predict(model, faces[:, :, ::-1])).max())
    assert gaps[0] < 1e-4 < 1e-2 < gaps[1]


def test_an_old_run_is_read(run: Path, data: Dataset, tmp_path: Path) -> None:
    """Its metadata is called words and names no labels, and its history has FER-2013's name of the split."""
    old_names = {"validation_loss": "public_loss", "validation_accuracy": "public_accuracy"}
    history = json.loads((run / HISTORY).read_text())
    old_history = [{old_names.get(key, key): value for key, value in row.items()} for row in history]
    for name in (BEST, CHECKPOINT):
        with np.load(run / name) as file:
            arrays = dict(file)
        metadata = json.loads(str(arrays.pop("metadata")))
        assert metadata.pop("labels") == list(data.labels)
        if "progress" in metadata:
            metadata["progress"]["history"] = old_history
        np.savez(tmp_path / name, words=np.array(json.dumps(metadata)), **arrays)
    (tmp_path / HISTORY).write_text(json.dumps(old_history))

    model, _, metadata = load_kept(tmp_path)
    assert tuple(metadata["labels"]) == data.labels
    faces = data.validation.faces
    np.testing.assert_array_equal(predict(model, faces), predict(load_kept(run, best=True)[0], faces))
    assert training_record(tmp_path) == training_record(run, best=True)
    resumed = Trainer(TINY, data, None)
    resumed.restore(tmp_path)
    assert resumed.progress.history == history
