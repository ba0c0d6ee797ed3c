"""What leaves training is proved to be what was trained, or does not leave."""

import dataclasses
import json
import math
import subprocess
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
import tensorflow as tf

from service.classifier import EmotionClassifier
from training.data.dataset import LABELS, Dataset
from training.learning import checkpoints
from training.learning.predict import predict
from training.release import export
from training.release.calibration import Calibration

GOOD = export.Proof(
    faces=1,
    probability_gap=0,
    heatmap_gap=0,
    bytes=1,
    multiply_adds=1,
    calibration=Calibration((0.0,) * 7, (1.0,) * 7),
    plausible_threshold=0,
)


def metadata(path: Path) -> dict[str, str]:
    return {entry.key: entry.value for entry in onnx.load(path).metadata_props}


def test_the_service_takes_the_file(model_path: Path, data: Dataset, run: Path) -> None:
    classifier = EmotionClassifier(model_path)
    contract = classifier.contract
    assert contract.labels == LABELS
    assert contract.size_wh == (48, 48)
    assert contract.data_sha256 == data.sha256
    assert contract.seed == "1"
    assert contract.heatmap_layer == "features"
    assert contract.metrics["split"] == "PublicTest"

    model, _, _ = checkpoints.load_best(run)
    faces = data.public_test.faces
    logits = predict(model, faces)
    reading = classifier.classify(faces)
    raised = logits + json.loads(metadata(model_path)["offsets"])
    temperatures = json.loads(metadata(model_path)["temperatures"])
    assert contract.temperature == pytest.approx(np.prod(temperatures) ** (1 / 7))
    shared = tf.nn.softmax(raised) @ np.log(temperatures)[:, None]
    wanted = np.asarray(tf.nn.softmax(raised / tf.exp(shared)))
    np.testing.assert_allclose(reading.probabilities, wanted, atol=1e-5)
    assert reading.heatmaps.shape == (len(faces), 7, 12, 12)
    assert reading.heatmaps.min() >= 0
    accuracy = float(np.mean(wanted.argmax(1) == data.public_test.labels))
    assert contract.metrics["accuracy"] == pytest.approx(accuracy)


def test_metadata_is_whole(model_path: Path) -> None:
    words = metadata(model_path)
    assert set(words) == {
        *("labels", "name", "version", "data_sha256", "code_version", "seed", "metrics", "temperature", "offsets"),
        *("licence", "temperatures"),
        *("data", "plausible_threshold", "crop_margin", "heatmap_layer", "created", "parameters", "multiply_adds"),
        "training",
    }
    assert all(words.values())
    assert set(json.loads(words["metrics"])) == {"split", "accuracy", "macro_f1", "nll", "ece", "recall"}


@pytest.mark.parametrize("count", [0, 1, 2, 32])
def test_any_number_of_faces(model_path: Path, count: int) -> None:
    session = onnxruntime.InferenceSession(model_path, providers=["CPUExecutionProvider"])
    faces = np.zeros((count, 48, 48, 1), np.uint8)
    probabilities, heatmaps = session.run(["probabilities", "heatmaps"], {"faces": faces})
    assert probabilities.shape == (count, 7)
    assert heatmaps.shape == (count, 7, 12, 12)


def test_the_measured_margin_is_carried(run: Path, data: Dataset, tmp_path: Path) -> None:
    (tmp_path / "framing.json").write_text(json.dumps({"margin": 0.07}))
    export.export(run, data, tmp_path / "emotion.onnx")
    assert EmotionClassifier(tmp_path / "emotion.onnx").contract.crop_margin == 0.07


# --- sabotage ----------------------------------------------------------------------------------


def spoilt(spoil: Callable[[dict[str, tf.Tensor]], dict[str, tf.Tensor]]) -> Callable:
    real = export.serving

    def serving(model: keras.Model, calibration: Calibration) -> Callable:
        inner = real(model, calibration)
        return tf.function(lambda faces: spoil(inner(faces)))

    return serving


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda out: out | {"heatmaps": tf.sqrt(out["heatmaps"])}, "heatmaps differ"),
        (lambda out: out | {"heatmaps": tf.reverse(out["heatmaps"], [1])}, "heatmaps differ"),
        (lambda out: out | {"probabilities": out["probabilities"] + 2e-5}, "probabilities of ONNX"),
        (lambda out: out | {"probabilities": out["probabilities"][:, :6]}, "shape"),
    ],
)
def test_a_wrong_graph_is_not_put_in_place(
    run: Path, data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoil: Callable, words: str
) -> None:
    monkeypatch.setattr(export, "serving", spoilt(spoil))
    before = tmp_path / "emotion.onnx"
    before.write_bytes(b"the model of yesterday")
    with pytest.raises(export.ProofError, match=words):
        export.export(run, data, before)
    assert [path.name for path in tmp_path.iterdir()] == ["emotion.onnx"]
    assert before.read_bytes() == b"the model of yesterday"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"probability_gap": math.nan}, "probabilities"),
        ({"heatmap_gap": 1.1e-4}, "heatmaps"),
        ({"bytes": 5_000_001}, "bytes"),
        ({"multiply_adds": 60_000_001}, "multiply-adds"),
    ],
)
def test_each_promise_is_checked(change: dict, words: str) -> None:
    export.check(GOOD)
    with pytest.raises(export.ProofError, match=words):
        export.check(dataclasses.replace(GOOD, **change))


def test_other_data_is_refused(run: Path, data: Dataset, tmp_path: Path) -> None:
    other = dataclasses.replace(data, sha256="other")
    with pytest.raises(ValueError, match="trained on other data"):
        export.export(run, other, tmp_path / "emotion.onnx")
    assert not list(tmp_path.iterdir())


# --- parts -------------------------------------------------------------------------------------


def test_grad_cam_by_hand(run: Path, data: Dataset) -> None:
    model, _, _ = checkpoints.load_best(run)
    faces = data.public_test.faces[:5]
    _, features = model(faces)
    kernel, _ = model.get_layer("logits").get_weights()
    wanted = np.maximum(np.einsum("nhwk,kc->nchw", features, kernel), 0) / 12**2
    np.testing.assert_allclose(export.grad_cam(model, faces), wanted, atol=1e-6)


def test_the_proof_computes_no_gradient_of_a_weight(run: Path, data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gradients of small convolutions' weights, computed eagerly, abort the process on some processors."""
    watched = []

    class Recording(tf.GradientTape):
        def __exit__(self, *error: object) -> None:
            super().__exit__(*error)
            watched.append(self.watched_variables())

    monkeypatch.setattr(tf, "GradientTape", Recording)
    model, _, _ = checkpoints.load_best(run)
    assert export.grad_cam(model, data.public_test.faces[:2]).max() > 0
    assert watched == [()]


def test_a_network_of_another_head_is_not_proved(run: Path, data: Dataset) -> None:
    model, _, _ = checkpoints.load_best(run)
    logits, features = model.outputs
    squared = keras.Model(model.inputs, [logits * logits, features])
    with pytest.raises(export.ProofError, match="logits are not a linear layer of the mean features"):
        export.grad_cam(squared, data.public_test.faces[:2])


def test_scaled_maps_reach_one_and_empty_ones_stay_empty() -> None:
    maps = np.array([[[0, 2], [4, 1]], [[0, 0], [0, 0]]], np.float32)
    np.testing.assert_array_equal(export.scaled(maps), [[[0, 0.5], [1, 0.25]], [[0, 0], [0, 0]]])


def test_code_version(tmp_path: Path) -> None:
    assert export.code_version(tmp_path) == "unknown"
    git: list[str | Path] = ["git", "-C", tmp_path, "-c", "user.name=a", "-c", "user.email=a@example.org"]
    (tmp_path / "file").write_text("1")
    for command in (["init", "-q"], ["add", "file"], ["commit", "-q", "-m", "first"]):
        subprocess.run([*git, *command], check=True)
    commit = export.code_version(tmp_path)
    assert len(commit) == 40
    (tmp_path / "file").write_text("2")
    assert export.code_version(tmp_path) == f"{commit}+dirty"


def test_the_terminal_hears_what_was_proved() -> None:
    assert export.words(GOOD).startswith("proved on 1 PublicTest faces: probabilities of ONNX and Keras within 0.0e+00")
