"""A model that has learned from the validation faces is calibrated and measured there by its twin."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from service.classifier import EmotionClassifier
from tests.training.onnx_files import metadata
from tests.training.runs import TINY, write_run
from training import receipt
from training.__main__ import main
from training.data import duplicates
from training.data.dataset import Dataset
from training.learning.average import average
from training.learning.checkpoints import HISTORY, LAST, kept, load_kept, read_checkpoint, write_checkpoint
from training.learning.predict import predict
from training.learning.recipe import Recipe
from training.learning.train import Trainer
from training.learning.twin import of_run
from training.release import evaluate, metrics, quantise, shipped, twin
from training.release.export import export
from training.studies import randomisation


class Runs:
    """Two runs of one recipe: of a trained twin, and of a model that has another answer for most faces."""

    def __init__(self, twin: Path, folder: Path) -> None:
        self.twin, self.model = twin, folder
        metadata, arrays = read_checkpoint(kept(twin))
        recipe = json.loads(metadata["recipe"]) | {"with_validation": True}
        # Kernel and bias of the labels.
        answers = {name: np.roll(value, 1, -1) for name, value in arrays.items() if value.shape[-1:] == (7,)}
        write_checkpoint(folder / LAST, metadata | {"recipe": json.dumps(recipe)}, arrays | answers)
        shutil.copy(twin / HISTORY, folder)


@pytest.fixture(scope="module")
def runs(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    return Runs(run, tmp_path_factory.mktemp("all"))


@pytest.fixture(scope="module")
def exported(runs: Runs, csv_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model's file, with its twin's beside it, as the command line makes both."""
    model = tmp_path_factory.mktemp("models") / "emotion.onnx"
    arguments = ["export", "--partial", "--data", csv_path, "--run", runs.model, "--twin", runs.twin]
    assert main([str(each) for each in (*arguments, "--model", model)]) == 0
    return model


def measured(path: Path, data: Dataset, split: str = "validation") -> dict:
    faces = data.splits()[split]
    return metrics.measure(EmotionClassifier(path).classify(faces.faces).probabilities, faces.labels, data.labels)


def test_the_weights_are_the_model_s_and_all_that_was_fitted_is_the_twin_s(
    exported: Path, runs: Runs, data: Dataset
) -> None:
    found, of_twin = metadata(exported), metadata(twin.path(exported))
    for name in ("offsets", "temperatures", "prediction_set_threshold", "metrics"):
        assert found[name] == of_twin[name]
    assert json.loads(found["metrics"])["nll"] == pytest.approx(measured(twin.path(exported), data)["nll"], abs=1e-5)
    assert json.loads(found["training"])["recipe"]["with_validation"]
    assert not json.loads(of_twin["training"])["recipe"]["with_validation"]
    assert "twin" not in of_twin
    for path, run in ((exported, runs.model), (twin.path(exported), runs.twin)):
        logits = predict(load_kept(run)[0], data.test.faces) + json.loads(found["offsets"])
        answers = EmotionClassifier(path).classify(data.test.faces).probabilities
        np.testing.assert_array_equal(answers.argmax(1), logits.argmax(1))


def test_validation_is_measured_on_the_twin_and_test_on_the_model(exported: Path, data: Dataset) -> None:
    of_twin, of_model = measured(twin.path(exported), data), measured(exported, data, "test")
    assert of_twin["nll"] != measured(exported, data)["nll"]
    evaluate.evaluate(exported, data, "validation")
    splits = evaluate.evaluate(exported, data, "test")["splits"]
    assert splits["validation"] == splits["validation"] | of_twin
    assert splits["test"] == splits["test"] | of_model
    card = (exported.parent / "MODEL_CARD.md").read_text()
    assert "trained on Training and PublicTest, its twin on Training alone;" in card
    assert "all figures on validation are of its twin" in card


def test_the_receipt_measures_the_twin_on_validation(
    exported: Path, data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(randomisation, "SHUFFLES", 1)
    monkeypatch.setattr(receipt, "EXPLAINED_FACES", 8)
    pairs = duplicates.find(data)
    both, alone = (receipt.measure(path, data, None, pairs) for path in (exported, twin.path(exported)))
    assert both["splits"]["validation"] == alone["splits"]["validation"]
    assert both["robustness"] == alone["robustness"]
    assert both["explanations"] == alone["explanations"]
    assert both["splits"]["test"] != alone["splits"]["test"]


def test_int8_is_judged_by_the_twin_and_made_of_the_model(
    exported: Path, data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quantise, "keeps", lambda _: True)
    found = quantise.try_int8(exported, data, rounds=1)
    assert found["accuracy_fp32"] == measured(twin.path(exported), data)["accuracy"]
    small = EmotionClassifier(exported.with_suffix(".int8.onnx"))
    assert small.contract.version == EmotionClassifier(exported).contract.version


def test_a_run_with_validation_faces_is_not_exported_without_its_twin(
    runs: Runs, data: Dataset, tmp_path: Path
) -> None:
    out = tmp_path / "emotion.onnx"
    other = write_run(tmp_path / "other", replace(TINY, learning_rate=0.3), data)
    refusals = [
        (runs.model, None, "name the run of its twin"),
        (runs.model, runs.model, "is not the twin of"),
        (runs.model, other, "is not the twin of"),
        (runs.twin, runs.twin, "leave out --twin"),
    ]
    for run, given, words in refusals:
        with pytest.raises(ValueError, match=words):
            export(run, data, out, twin=given)
    assert not out.exists()


def test_a_mean_with_a_run_that_has_the_faces_has_them_too(runs: Runs, data: Dataset, tmp_path: Path) -> None:
    average([runs.twin, runs.model], tmp_path / "mean", data)
    with pytest.raises(ValueError, match="name the run of its twin"):
        of_run(tmp_path / "mean", None, best=False)
    with pytest.raises(ValueError, match="is not the twin of"):
        of_run(tmp_path / "mean", runs.twin, best=False)
    other = write_run(tmp_path / "other", replace(TINY, seed=2), data)
    average([runs.twin, other], tmp_path / "clean", data)
    assert of_run(tmp_path / "mean", tmp_path / "clean", best=False) == tmp_path / "clean"


def test_a_file_needs_its_own_twin_beside_it(exported: Path, model_path: Path, tmp_path: Path) -> None:
    assert twin.of_file(model_path) == model_path
    alone = tmp_path / exported.name
    alone.write_bytes(exported.read_bytes())
    with pytest.raises(ValueError, match=r"emotion\.twin\.onnx, which has not, is missing"):
        twin.of_file(alone)
    twin.path(alone).write_bytes(alone.read_bytes())
    with pytest.raises(ValueError, match="is not the twin of"):
        twin.of_file(alone)


def test_runs_on_fer2013_begin_with_the_twin(exported: Path, data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped, "SHIPPED", exported)
    assert shipped.file_for(data) == twin.path(exported)
    assert shipped.file_for(replace(data, name="cats")) == exported


def test_a_run_with_validation_learns_from_both_splits(
    csv_path: Path, votes_path: Path, data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[Trainer] = []

    def keep(trainer: Trainer, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        trainer.save(folder)
        begun.append(trainer)

    monkeypatch.setattr(Trainer, "run", keep)
    arguments = ["train", "--partial", "--data", csv_path, "--run", tmp_path / "run"]
    new = [*arguments, "--votes", votes_path, "--widths", "4,8,8", "--epochs", "1", "--with-validation"]
    for each in (new, [*arguments, "--resume"]):
        assert main([str(word) for word in each]) == 0
    count = len(data.train) + len(data.validation)
    for trainer in begun:
        assert trainer.recipe.with_validation
        assert len(trainer.data.train) == len(trainer.label_targets) == count
        np.testing.assert_array_equal(trainer.data.train.faces[len(data.train) :], data.validation.faces)
        assert trainer.vote_shares is not None
        assert len(trainer.vote_shares.train) == count
        np.testing.assert_array_equal(trainer.vote_shares.train[len(data.train) :], trainer.vote_shares.validation)
    assert Recipe().with_validation is False
