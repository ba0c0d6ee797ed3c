"""The exported file is what was trained, with all its metadata, or it is not put in place."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import tensorflow as tf

from service.classifier import EmotionClassifier
from tests.training.conftest import MARGIN
from tests.training.onnx_files import metadata
from training.data.dataset import LABELS, Dataset
from training.learning.checkpoints import load_best
from training.learning.predict import predict
from training.release import proof
from training.release.export import export


def test_the_service_takes_the_file(model_path: Path, data: Dataset, run: Path) -> None:
    classifier = EmotionClassifier(model_path)
    contract = classifier.contract
    assert contract.labels == LABELS
    assert contract.size_wh == (48, 48)
    assert contract.data_sha256 == data.sha256
    assert contract.seed == "1"
    assert contract.heatmap_layer == "features"
    assert contract.metrics["split"] == "validation"
    assert contract.crop_margin == MARGIN

    model, _, _ = load_best(run)
    faces = data.validation.faces
    logits = predict(model, faces)
    reading = classifier.classify(faces)
    raised = logits + json.loads(metadata(model_path)["offsets"])
    temperatures = json.loads(metadata(model_path)["temperatures"])
    assert contract.temperature == pytest.approx(np.prod(temperatures) ** (1 / 7))
    shared = tf.nn.softmax(raised) @ np.log(temperatures)[:, None]
    expected = np.asarray(tf.nn.softmax(raised / tf.exp(shared)))
    np.testing.assert_allclose(reading.probabilities, expected, atol=1e-5)
    assert reading.heatmaps.shape == (len(faces), 7, 12, 12)
    assert reading.heatmaps.min() >= 0
    accuracy = float(np.mean(expected.argmax(1) == data.validation.labels))
    assert contract.metrics["accuracy"] == pytest.approx(accuracy)


def test_metadata_is_complete(model_path: Path) -> None:
    found = metadata(model_path)
    assert set(found) == {
        *("labels", "name", "version", "data_sha256", "code_version", "seed", "metrics", "temperature", "offsets"),
        *("licence", "temperatures", "training"),
        *("data", "prediction_set_threshold", "crop_margin", "heatmap_layer", "created", "parameters", "multiply_adds"),
    }
    assert all(found.values())
    assert set(json.loads(found["metrics"])) == {"split", "accuracy", "macro_f1", "nll", "ece", "recall"}


@pytest.mark.parametrize("count", [0, 1, 2, 32])
def test_any_number_of_faces(model_path: Path, count: int) -> None:
    session = onnxruntime.InferenceSession(model_path, providers=["CPUExecutionProvider"])
    faces = np.zeros((count, 48, 48, 1), np.uint8)
    probabilities, heatmaps = session.run(["probabilities", "heatmaps"], {"faces": faces})
    assert probabilities.shape == (count, 7)
    assert heatmaps.shape == (count, 7, 12, 12)


def test_a_file_without_proof_is_not_put_in_place(
    run: Path, data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proof, "MAX_BYTES", 1000)
    before = tmp_path / "emotion.onnx"
    before.write_bytes(b"the model of yesterday")
    with pytest.raises(proof.ProofError, match="bytes of the file are"):
        export(run, data, before)
    assert [path.name for path in tmp_path.iterdir()] == ["emotion.onnx"]
    assert before.read_bytes() == b"the model of yesterday"


def test_other_data_is_refused(run: Path, data: Dataset, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="trained on other data"):
        export(run, replace(data, sha256="other"), tmp_path / "emotion.onnx")
    assert not list(tmp_path.iterdir())
