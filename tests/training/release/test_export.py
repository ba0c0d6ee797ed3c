"""The exported file is what was trained, with all its metadata, or it is not put in place."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import tensorflow as tf

from service.classifier import EmotionClassifier
from tests.training.conftest import MARGIN
from tests.training.onnx_files import metadata, spoil
from tests.training.proofs import GOOD
from training.data.dataset import LABELS, Dataset
from training.learning import network
from training.learning.checkpoints import load_kept
from training.learning.predict import predict, predict_heads
from training.release import proof
from training.release.calibration import Calibration
from training.release.evaluate import describe
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

    model, _, _ = load_kept(run)
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
        *("licence", "temperatures", "training", "golden"),
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


def test_the_maps_of_both_stages_are_joined_as_heatmaps(model_path: Path, run: Path) -> None:
    """To enlarge, join and mirror all features took a tenth of the time for a face."""
    width = load_kept(run)[0].get_layer("logits").kernel.shape[0]
    graph = onnx.shape_inference.infer_shapes(onnx.load(model_path)).graph
    sizes = [[side.dim_value for side in value.type.tensor_type.shape.dim] for value in graph.value_info]
    assert [0, width] in sizes
    assert [size for size in sizes if len(size) > 2 and width in size] == []


def test_the_votes_head_has_outputs_of_its_own(voted_run: Path, voted_path: Path, data: Dataset) -> None:
    about = json.loads(metadata(voted_path)["votes"])
    model, _, _ = load_kept(voted_run)
    faces = data.validation.faces
    session = onnxruntime.InferenceSession(voted_path, providers=["CPUExecutionProvider"])
    votes, heatmaps, probabilities = session.run(["votes", "votes_heatmaps", "probabilities"], {"faces": faces})
    answers = predict_heads(model, faces)[network.VOTES]
    np.testing.assert_allclose(votes, tf.nn.softmax(answers / about["temperature"]), atol=1e-5)
    _, features, _ = model(faces)
    expected = np.einsum("nhwk,kc->nchw", features, model.get_layer(network.VOTES).kernel) / 12**2
    np.testing.assert_allclose(heatmaps, np.maximum(expected, 0), atol=1e-5)
    # A service that does not know the votes head reads the file as before.
    np.testing.assert_allclose(EmotionClassifier(voted_path).classify(faces).probabilities, probabilities, atol=1e-6)


def test_the_votes_are_calibrated_and_measured(voted_run: Path, voted_path: Path, data: Dataset) -> None:
    about = json.loads(metadata(voted_path)["votes"])
    assert about["source"] == "a die"
    assert describe(voted_path)["votes"] == about
    logits = predict_heads(load_kept(voted_run)[0], data.validation.faces)[network.VOTES]
    fourth = np.arange(len(logits)) % 4 == 0
    wanted = ((logits.argmax(1) + fourth) % 7)[10:]
    assert about["metrics"]["agreement"] == np.mean(~fourth[10:])
    assert about["metrics"]["split"] == "validation"
    assert 0 <= about["metrics"]["ece"] <= 1
    assert {"accuracy", "agreement_of_emotions"} <= set(about["metrics"])

    def cross_entropy(temperature: float) -> float:
        logs = tf.nn.log_softmax(logits[10:] / temperature).numpy()
        return -float(0.7 * logs[np.arange(len(wanted)), wanted].mean() + 0.3 * logs.mean())

    found = about["temperature"]
    assert about["metrics"]["cross_entropy"] == pytest.approx(cross_entropy(found), rel=1e-4)
    assert cross_entropy(found) <= min(cross_entropy(found * 1.1), cross_entropy(found / 1.1))


def test_a_file_without_a_votes_head_has_no_votes(model_path: Path) -> None:
    session = onnxruntime.InferenceSession(model_path, providers=["CPUExecutionProvider"])
    assert {output.name for output in session.get_outputs()} == {"probabilities", "heatmaps"}
    assert "votes" not in metadata(model_path)


@pytest.mark.parametrize(
    ("output", "how", "message"),
    [("votes", "a little more", "probabilities of ONNX"), ("votes_heatmaps", "classes in reverse", "heatmaps differ")],
)
def test_a_wrong_votes_head_is_found_out(
    voted_run: Path, voted_path: Path, data: Dataset, tmp_path: Path, output: str, how: str, message: str
) -> None:
    values = metadata(voted_path)
    temperature = json.loads(values["votes"])["temperature"]
    calibrations = {
        network.LABELS: Calibration(tuple(json.loads(values["offsets"])), tuple(json.loads(values["temperatures"]))),
        network.VOTES: Calibration((0.0,) * 7, (temperature,) * 7),
    }
    model, _, _ = load_kept(voted_run)
    assert max(proof.prove(voted_path, model, data.validation.faces, calibrations)) < 1e-4
    path = spoil(voted_path, tmp_path / "spoilt.onnx", output, how)
    gaps = proof.prove(path, model, data.validation.faces, calibrations)
    with pytest.raises(proof.ProofError, match=message):
        proof.check(replace(GOOD, probability_gap=gaps[0], heatmap_gap=gaps[1]))


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
