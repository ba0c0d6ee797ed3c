"""A wrong graph is found out, and the proof itself needs no gradient of a weight."""

import dataclasses
import json
import math
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.training.onnx_files import metadata, spoil
from tests.training.proofs import GOOD
from training.data.dataset import Dataset
from training.learning import network
from training.learning.checkpoints import load_kept
from training.release import proof
from training.release.calibration import Calibration


@pytest.fixture(scope="module")
def model(run: Path) -> keras.Model:
    return load_kept(run)[0]


@pytest.fixture(scope="module")
def calibration(model_path: Path) -> Calibration:
    values = metadata(model_path)
    return Calibration(tuple(json.loads(values["offsets"])), tuple(json.loads(values["temperatures"])))


# --- spoilt graphs -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("output", "how", "message"),
    [
        ("heatmaps", "root of the heatmaps", "heatmaps differ"),
        ("heatmaps", "classes in reverse", "heatmaps differ"),
        ("probabilities", "a little more", "probabilities of ONNX"),
        ("probabilities", "a class too few", "shape"),
    ],
)
def test_a_wrong_graph_is_found_out(
    model_path: Path,
    model: keras.Model,
    calibration: Calibration,
    data: Dataset,
    tmp_path: Path,
    output: str,
    how: str,
    message: str,
) -> None:
    path = spoil(model_path, tmp_path / "spoilt.onnx", output, how)
    with pytest.raises(proof.ProofError, match=message):
        prove(path, model, calibration, data)


def test_the_right_graph_passes(model_path: Path, model: keras.Model, calibration: Calibration, data: Dataset) -> None:
    prove(model_path, model, calibration, data)


def prove(path: Path, model: keras.Model, calibration: Calibration, data: Dataset) -> None:
    gaps = proof.prove(path, model, data.validation.faces, {network.LABELS: calibration})
    proof.check(dataclasses.replace(GOOD, probability_gap=gaps[0], heatmap_gap=gaps[1]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"probability_gap": math.nan}, "probabilities"),
        ({"heatmap_gap": 1.1e-4}, "heatmaps"),
        ({"bytes": 5_000_001}, "bytes"),
        ({"multiply_adds": 60_000_001}, "multiply-adds"),
    ],
)
def test_each_limit_is_checked(change: dict, message: str) -> None:
    proof.check(GOOD)
    with pytest.raises(proof.ProofError, match=message):
        proof.check(dataclasses.replace(GOOD, **change))


# --- Grad-CAM ----------------------------------------------------------------------------------


def test_grad_cam_by_hand(model: keras.Model, data: Dataset) -> None:
    faces = data.validation.faces[:5]
    _, features = model(faces)
    kernel, _ = model.get_layer("logits").get_weights()
    expected = np.maximum(np.einsum("nhwk,kc->nchw", features, kernel), 0) / 12**2
    np.testing.assert_allclose(proof.grad_cam(model, faces), expected, atol=1e-6)


def test_the_proof_computes_no_gradient_of_a_weight(
    model: keras.Model, data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gradients of small convolutions' weights, computed eagerly, abort the process on some processors."""
    watched = []

    class Recording(tf.GradientTape):
        def __exit__(self, *error: object) -> None:
            super().__exit__(*error)
            watched.append(self.watched_variables())

    monkeypatch.setattr(tf, "GradientTape", Recording)
    assert proof.grad_cam(model, data.validation.faces[:2]).max() > 0
    assert watched == [()]


def test_a_network_with_another_head_is_not_proved(model: keras.Model, data: Dataset) -> None:
    logits, features = model.outputs
    squared = keras.Model(model.inputs, [logits * logits, features])
    with pytest.raises(proof.ProofError, match="logits are not a linear layer of the mean features"):
        proof.grad_cam(squared, data.validation.faces[:2])


def test_scaled_maps_reach_one_and_empty_ones_stay_empty() -> None:
    maps = np.array([[[0, 2], [4, 1]], [[0, 0], [0, 0]]], np.float32)
    np.testing.assert_array_equal(proof.scaled(maps), [[[0, 0.5], [1, 0.25]], [[0, 0], [0, 0]]])


def test_the_terminal_shows_what_was_proved() -> None:
    assert proof.summary(GOOD).startswith(
        "proved on 1 validation faces: probabilities of ONNX and Keras within 0.0e+00"
    )
