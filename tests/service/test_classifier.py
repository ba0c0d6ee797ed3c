"""The ONNX file's contract: what it must carry, and what its answers are."""

import json
from pathlib import Path

import numpy as np
import pytest

from service.classifier import EmotionClassifier, ModelError
from tests.service.conftest import LABELS, METADATA, SIDE, brightness_network


def faces(*greys: int) -> np.ndarray:
    return np.stack([np.full((SIDE, SIDE, 1), grey, np.uint8) for grey in greys])


def test_the_contract_comes_from_the_file(classifier: EmotionClassifier, model_path: Path) -> None:
    contract = classifier.contract
    assert contract.labels == LABELS
    assert contract.size_wh == (SIDE, SIDE)
    assert contract.heatmap_wh == (2, 2)
    assert contract.version == "1.2.3"
    assert contract.metrics == {"accuracy": 1.0}
    assert contract.temperature == 1.0
    assert len(contract.sha256) == 64


def test_the_thresholds_former_name_is_read_too(tmp_path: Path, classifier: EmotionClassifier) -> None:
    path = tmp_path / "former.onnx"
    former = dict(METADATA)
    former["plausible_threshold"] = former.pop("prediction_set_threshold")
    path.write_bytes(brightness_network(former))
    threshold = EmotionClassifier(path).contract.prediction_set_threshold
    assert threshold == classifier.contract.prediction_set_threshold == 0.2


def test_bright_means_bright(classifier: EmotionClassifier) -> None:
    reading = classifier.classify(faces(0, 255))
    assert reading.probabilities.argmax(1).tolist() == [0, 1]
    expected = np.exp(10) / (np.exp(10) + 1 + np.exp(-20))
    np.testing.assert_allclose(reading.probabilities[1, 1], expected, rtol=1e-6)
    np.testing.assert_allclose(reading.heatmaps[1, 1], 1)
    np.testing.assert_allclose(reading.heatmaps[1, 0], 0)


def test_probabilities_sum_to_one(classifier: EmotionClassifier) -> None:
    sums = classifier.classify(faces(*range(0, 256, 5))).probabilities.sum(1)
    np.testing.assert_allclose(sums, 1, atol=1e-15)


def test_no_face_is_an_empty_reading(classifier: EmotionClassifier) -> None:
    reading = classifier.classify(np.zeros((0, SIDE, SIDE, 1), np.uint8))
    assert reading.probabilities.shape == (0, 3)
    assert reading.heatmaps.shape == (0, 3, 2, 2)


@pytest.mark.parametrize("name", METADATA)
def test_a_file_without_some_metadata_is_refused_by_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(brightness_network({key: value for key, value in METADATA.items() if key != name}))
    with pytest.raises(ModelError, match=f"lacks metadata '{name}'"):
        EmotionClassifier(path)


@pytest.mark.parametrize(("name", "value"), [("labels", "angry"), ("temperature", "warm"), ("metrics", "{")])
def test_unreadable_metadata_is_refused(tmp_path: Path, name: str, value: str) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(brightness_network({**METADATA, name: value}))
    with pytest.raises(ModelError, match="metadata that cannot be read"):
        EmotionClassifier(path)


@pytest.mark.parametrize("labels", [["dark", "bright"], ["dark", "bright", "bright"], [*LABELS, "more"]])
def test_labels_that_do_not_fit_the_answers_are_refused(tmp_path: Path, labels: list[str]) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(brightness_network({**METADATA, "labels": json.dumps(labels)}))
    with pytest.raises(ModelError, match=f"names {', '.join(labels)} and answers with 3 probabilities"):
        EmotionClassifier(path)


def test_missing_and_foreign_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="does not exist"):
        EmotionClassifier(tmp_path / "nothing.onnx")
    path = tmp_path / "text.onnx"
    path.write_text("not a model")
    with pytest.raises(ModelError, match="not an ONNX file"):
        EmotionClassifier(path)
