"""The weights of an exported file come back, or are not taken."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from tests.training.runs import TINY
from training.commands.train import default_start
from training.data.dataset import LABELS, Dataset, Split
from training.learning.checkpoints import load_kept
from training.learning.predict import predict, predict_heads
from training.learning.recipe import Recipe
from training.learning.train import Trainer
from training.release import shipped


def test_the_network_of_a_file_is_read_back(model_path: Path, run: Path, data: Dataset) -> None:
    faces = data.train.faces
    found, labels = shipped.read(model_path, faces)
    assert labels == data.labels
    trained, _, _ = load_kept(run, oriented=False)
    np.testing.assert_allclose(predict(found, faces), predict(trained, faces), atol=1e-4)
    # As many faces as its norms were fitted with: by the batch's own moments they are answered the same way.
    by_batch, _ = found(faces, training=True)
    np.testing.assert_allclose(by_batch, predict(found, faces), atol=1e-3)
    # Which is not so with norms of mean 0 and deviation 1, as they come out of the file.
    assert np.abs(found.get_layer("stem_norm").moving_mean.numpy()).max() > 1e-2


def test_a_file_with_a_votes_head_is_read_back(voted_path: Path, voted_run: Path, data: Dataset) -> None:
    faces = data.train.faces
    found, labels = shipped.read(voted_path, faces)
    trained, _, _ = load_kept(voted_run, oriented=False)
    for head, wanted in predict_heads(trained, faces).items():
        np.testing.assert_allclose(predict_heads(found, faces)[head], wanted, atol=1e-3)
    # One's own pictures have no votes.
    Trainer(TINY, data, None).start_with(found, labels, "a file with votes")


def test_the_shipped_model_is_read_back(data: Dataset) -> None:
    found, labels = shipped.read(shipped.SHIPPED, data.train.faces)
    assert labels == LABELS
    Trainer(Recipe(), data, None).start_with(found, labels, "the shipped model")


@pytest.mark.parametrize(
    ("name", "count", "start"), [("cats", 4999, "shipped"), ("cats", 5000, "scratch"), ("FER-2013", 4999, "scratch")]
)
def test_few_pictures_of_one_s_own_start_with_the_shipped_weights(
    data: Dataset, name: str, count: int, start: str
) -> None:
    faces = np.zeros((count - len(data.validation), 1, 1, 1), np.uint8)
    few = replace(data, name=name, train=Split(faces, np.zeros(len(faces), int)))
    assert default_start(few) == start


def edited(path: Path, out: Path, change: Callable[[onnx.ModelProto], object]) -> Path:
    file = onnx.load(path)
    change(file)
    onnx.save(file, out)
    return out


def rename_weight(file: onnx.ModelProto) -> None:
    for each in file.graph.initializer:
        each.name = each.name.replace("stem", "trunk")
    for node in file.graph.node:
        node.input[:] = [name.replace("stem", "trunk") for name in node.input]


def other_offsets(file: onnx.ModelProto) -> None:
    for entry in file.metadata_props:
        if entry.key == "offsets":
            entry.value = json.dumps([1.0, 0, 0, 0, 0, 0, 0])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (rename_weight, "it has no 'stem/convolution/merged_input:0'"),
        (other_offsets, "gives other probabilities"),
        (lambda file: file.ClearField("metadata_props"), "it has no 'labels'"),
    ],
)
def test_what_cannot_be_read_back_is_refused(
    model_path: Path, data: Dataset, tmp_path: Path, change: Callable, words: str
) -> None:
    path = edited(model_path, tmp_path / "other.onnx", change)
    with pytest.raises(ValueError, match=words):
        shipped.read(path, data.train.faces)


def test_a_missing_file_is_named(data: Dataset, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="--from takes a run, `shipped`, or `scratch`"):
        shipped.read(tmp_path / "none.onnx", data.train.faces)


def of_two(data: Dataset, *labels: str) -> Dataset:
    train, validation, test = (Split(split.faces, split.labels % 2) for split in data.splits().values())
    return replace(data, labels=labels, train=train, validation=validation, test=test)


def test_labels_of_the_same_names_keep_their_part_of_the_head(model_path: Path, data: Dataset) -> None:
    model, labels = shipped.read(model_path, data.train.faces)
    trainer = Trainer(TINY, of_two(data, "happy", "angry"), None)
    trainer.start_with(model, labels, "the file")
    faces = data.validation.faces
    np.testing.assert_allclose(predict(trainer.model, faces), predict(model, faces)[:, [3, 0]], atol=1e-5)


def test_labels_of_other_names_begin_without_a_preference(model_path: Path, data: Dataset) -> None:
    model, labels = shipped.read(model_path, data.train.faces)
    trainer = Trainer(TINY, of_two(data, "happy", "bored"), None)
    trainer.start_with(model, labels, "the file")
    np.testing.assert_array_equal(predict(trainer.model, data.validation.faces), 0)


def test_few_faces_take_more_epochs() -> None:
    few, more = Recipe.fine_tuning(400), Recipe.fine_tuning(4500)
    assert few.epochs * (400 // few.batch) >= 240 > (few.epochs - 1) * (400 // few.batch)
    assert more.epochs == 8
    assert few.learning_rate < Recipe().learning_rate
