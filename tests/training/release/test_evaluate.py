"""What is said of the model is measured on the file, kept in metrics.json and repeated in the card."""

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest

from service.classifier import EmotionClassifier
from training.data.dataset import Dataset
from training.learning import checkpoints
from training.release import evaluate


@pytest.fixture
def model(model_path: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(model_path, tmp_path))


def test_figures_are_those_of_the_file(model: Path, data: Dataset) -> None:
    figures = evaluate.evaluate(model, data, "PublicTest")
    section = figures["splits"]["PublicTest"]
    answers = EmotionClassifier(model).classify(data.public_test.faces).probabilities.argmax(1)
    right = int((answers == data.public_test.labels).sum())
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
    assert "PrivateTest, " not in card.split("## Figures")[1].split("## Data")[0]
    assert "trained from random weights" in card
    assert evaluate.words("PublicTest", figures).startswith(f"PublicTest: accuracy {right / 42:.2%}")


def test_splits_are_merged_and_another_file_begins_anew(model: Path, data: Dataset) -> None:
    evaluate.evaluate(model, data, "PublicTest")
    both = evaluate.evaluate(model, data, "PrivateTest")
    assert set(both["splits"]) == {"PublicTest", "PrivateTest"}
    assert both["splits"]["PrivateTest"]["faces"] == 21

    graph = onnx.load(model)
    onnx.helper.set_model_props(
        graph, {entry.key: entry.value for entry in graph.metadata_props} | {"version": "another"}
    )
    onnx.save(graph, model)
    assert set(evaluate.evaluate(model, data, "PrivateTest")["splits"]) == {"PrivateTest"}


def test_a_file_tells_how_it_was_trained(model: Path, run: Path) -> None:
    told = evaluate.story(model)
    assert told is not None
    assert told.pop("mirror_difference_unoriented") > 0
    assert told == checkpoints.story(run)


def test_a_file_that_the_service_refuses_is_a_sentence(model: Path, data: Dataset) -> None:
    model.write_bytes(b"no model")
    with pytest.raises(ValueError, match="is not an ONNX file"):
        evaluate.evaluate(model, data, "PublicTest")


def test_a_file_that_tells_nothing_of_its_training_is_measured(model: Path, data: Dataset) -> None:
    graph = onnx.load(model)
    unsaid = ("training", "offsets", "temperatures")
    words = {entry.key: entry.value for entry in graph.metadata_props if entry.key not in unsaid}
    del graph.metadata_props[:]
    onnx.helper.set_model_props(graph, words)
    onnx.save(graph, model)
    found = evaluate.evaluate(model, data, "PublicTest")
    assert found["training"] is None
    assert found["model"]["offsets"] == [0.0] * 7
    assert found["model"]["temperatures"] == [found["model"]["temperature"]] * 7
    assert "## Recipe" not in (model.parent / "MODEL_CARD.md").read_text()


def test_a_file_without_its_size_is_named(model: Path) -> None:
    graph = onnx.load(model)
    del graph.metadata_props[:]
    onnx.save(graph, model)
    with pytest.raises(ValueError, match="carries no 'parameters' metadata"):
        evaluate.describe(model)
