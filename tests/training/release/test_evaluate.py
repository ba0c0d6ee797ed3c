"""What is said of the model is measured on the file, kept in metrics.json and repeated in the card."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from service.classifier import EmotionClassifier
from tests.training.onnx_files import metadata, with_metadata
from training.data.dataset import Dataset
from training.learning import checkpoints
from training.release import evaluate


@pytest.fixture
def model(model_path: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(model_path, tmp_path))


def test_figures_are_those_of_the_file(model: Path, data: Dataset) -> None:
    figures = evaluate.evaluate(model, data, "validation")
    section = figures["splits"]["validation"]
    answers = EmotionClassifier(model).classify(data.validation.faces).probabilities.argmax(1)
    right = int((answers == data.validation.labels).sum())
    assert section["accuracy"] == right / 42
    assert np.trace(section["confusion"]) == right
    assert figures["model"]["bytes"] == model.stat().st_size
    assert figures["model"]["sha256"] == EmotionClassifier(model).contract.sha256
    assert figures["training"]["recipe"]["epochs"] == 4
    assert figures["training"]["soft"] is None
    assert figures["training"]["seconds"] > 0
    assert json.loads((model.parent / "metrics.json").read_text()) == figures
    card = (model.parent / "MODEL_CARD.md").read_text()
    assert f"**{right / 42:.2%}**" in card
    assert "Article 5(1)(f)" in card
    assert "### Test" not in card
    assert "trained from random weights" in card
    assert evaluate.summary("validation", figures).startswith(f"validation: accuracy {right / 42:.2%}")


def test_splits_are_merged_and_another_file_begins_anew(model: Path, data: Dataset) -> None:
    evaluate.evaluate(model, data, "validation")
    both = evaluate.evaluate(model, data, "test")
    assert set(both["splits"]) == {"validation", "test"}
    assert both["splits"]["test"]["faces"] == 21

    with_metadata(model, model, metadata(model) | {"version": "another"})
    assert set(evaluate.evaluate(model, data, "test")["splits"]) == {"test"}


def test_a_file_tells_how_it_was_trained(model: Path, run: Path) -> None:
    told = evaluate.training_record(model)
    assert told is not None
    assert told.pop("mirror_difference_unoriented") > 0
    assert told == checkpoints.training_record(run)


def test_a_file_that_the_service_refuses_is_a_sentence(model: Path, data: Dataset) -> None:
    model.write_bytes(b"no model")
    with pytest.raises(ValueError, match="is not an ONNX file"):
        evaluate.evaluate(model, data, "validation")


def test_a_file_that_tells_nothing_of_its_training_is_measured(model: Path, data: Dataset) -> None:
    unsaid = ("training", "offsets", "temperatures")
    with_metadata(model, model, {key: value for key, value in metadata(model).items() if key not in unsaid})
    found = evaluate.evaluate(model, data, "validation")
    assert found["training"] is None
    assert found["model"]["offsets"] == [0.0] * 7
    assert found["model"]["temperatures"] == [found["model"]["temperature"]] * 7
    assert "## Recipe" not in (model.parent / "MODEL_CARD.md").read_text()


def test_an_older_file_is_read(model: Path, run: Path) -> None:
    """It has another name for the threshold, and FER-2013's names of the splits."""
    found, today = metadata(model), evaluate.describe(model)
    record, data = json.loads(found["training"]), json.loads(found["data"])
    for epoch in record["history"]:
        for name in ("loss", "accuracy"):
            epoch[f"public_{name}"] = epoch.pop(f"validation_{name}")
    data["faces"] = dict(zip(("Training", "PublicTest", "PrivateTest"), data["faces"].values(), strict=True))
    found["plausible_threshold"] = found.pop("prediction_set_threshold")
    with_metadata(model, model, found | {"training": json.dumps(record), "data": json.dumps(data)})
    told = evaluate.describe(model)
    assert {key for key in told if told[key] != today[key]} == {"sha256", "bytes"}
    record_now = evaluate.training_record(model)
    assert record_now is not None
    assert record_now["history"] == checkpoints.training_record(run)["history"]


def test_seconds_are_those_of_all_runs_of_a_mean(model: Path, run: Path) -> None:
    found = metadata(model)
    record = json.loads(found["training"]) | {"averaged_with": [{"seconds": 5.0}]}
    alone = sum(epoch["seconds"] for epoch in record["history"])
    with_metadata(model, model, found | {"training": json.dumps(record)})
    summary = evaluate.training_summary(model)
    assert summary is not None
    assert summary["seconds"] == pytest.approx(alone + 5)
    assert summary["epochs"] == 4


def test_a_file_without_its_size_is_named(model: Path) -> None:
    with_metadata(model, model, {})
    with pytest.raises(ValueError, match="carries no 'parameters' metadata"):
        evaluate.describe(model)
