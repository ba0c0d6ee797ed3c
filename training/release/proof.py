"""The proof that an exported file gives what Keras gives; a file without it is not put in place."""

from dataclasses import asdict, dataclass
from pathlib import Path

import keras
import numpy as np
import onnxruntime
import tensorflow as tf
from tqdm import tqdm

from training.learning import network
from training.learning.predict import predict_heads
from training.release.calibration import Calibration

MAX_BYTES = 5_000_000
MAX_MULTIPLY_ADDS = 60_000_000
MAX_PROBABILITY_GAP = 1e-5
MAX_HEATMAP_GAP = 1e-4
MAX_HEAD_GAP = 1e-4
FACES = 256
# The outputs of the file for each head: probabilities (n, classes) and heatmaps (n, classes, h, w).
OUTPUTS = {network.LABELS: ("probabilities", "heatmaps"), network.VOTES: ("votes", "votes_heatmaps")}


class ProofError(ValueError):
    """The exported file is not what it should be; it was not put in place."""


@dataclass(frozen=True)
class Proof:
    """What was measured before the file was put in place. Gaps are largest absolute differences."""

    faces: int
    probability_gap: float
    heatmap_gap: float
    bytes: int
    multiply_adds: int
    calibration: Calibration
    prediction_set_threshold: float


def prove(
    path: Path, model: keras.Model, faces: np.ndarray, calibrations: dict[str, Calibration]
) -> tuple[float, float]:
    """Largest differences of probabilities and of scaled heatmaps between the ONNX file and Keras, over all heads.

    The file runs the faces uint8 (n, 48, 48, 1) in batches of 1, 32 and the rest, since it has to accept any number.
    Raises ProofError for outputs of another shape.
    """
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    probability_gap = heatmap_gap = 0.0
    parts = [part for part in np.split(faces, [1, 33]) if len(part)]
    for part in tqdm(parts, desc="proving", unit="batch"):
        expected = predict_heads(model, part)
        for head, calibration in calibrations.items():
            probabilities, heatmaps = session.run(OUTPUTS[head], {"faces": part})
            probability_gap = max(probability_gap, _gap(probabilities, calibration.apply(expected[head])))
            heatmap_gap = max(heatmap_gap, _gap(scaled(heatmaps), scaled(grad_cam(model, part, head))))
    return probability_gap, heatmap_gap


def check(proof: Proof) -> None:
    """Raise ProofError for the first limit that is exceeded."""
    limits = (
        ("probabilities of ONNX and Keras differ by", proof.probability_gap, MAX_PROBABILITY_GAP),
        ("heatmaps differ from the gradient tape's Grad-CAM by", proof.heatmap_gap, MAX_HEATMAP_GAP),
        ("bytes of the file are", proof.bytes, MAX_BYTES),
        ("multiply-adds per face are", proof.multiply_adds, MAX_MULTIPLY_ADDS),
    )
    for name, found, allowed in limits:
        # Not `found > allowed`, which NaN would pass.
        if not found <= allowed:
            raise ProofError(f"{name} {found:,}, allowed is {allowed:,}; nothing was exported.")


def grad_cam(model: keras.Model, faces: np.ndarray, head: str = network.LABELS) -> np.ndarray:
    """Grad-CAM of every logit of a head by automatic differentiation (Selvaraju et al. 2017).

    Returns float32 (n, classes, h, w).

    The tape watches the features and no weights. Otherwise it would also compute the gradients of the convolutions'
    weights, which nobody needs, and oneDNN aborts the process on them for small networks and processors with
    AVX-512 BF16 or FP16. Raises ProofError where the logits are not the linear layer of the pooled features.
    """
    labels, features, *votes = model(tf.constant(faces), training=False)
    logits = labels if head == network.LABELS else votes[0]
    with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
        tape.watch(features)
        again = network.head(model, features, head)
        # Faces are independent in a batch: the gradient of the sum is each face's own.
        sums = tf.unstack(tf.reduce_sum(again, axis=0))
    if not np.abs(again - logits).max() <= MAX_HEAD_GAP:
        raise ProofError("the logits are not a linear layer of the mean features; nothing was exported.")
    maps = []
    for total in sums:
        weights = tf.reduce_mean(tape.gradient(total, features), axis=(1, 2), keepdims=True)
        maps.append(tf.nn.relu(tf.reduce_sum(weights * features, axis=3)))
    return tf.stack(maps, axis=1).numpy()


def scaled(heatmaps: np.ndarray) -> np.ndarray:
    """Each map (…, h, w) divided by its maximum; a map of zeros is unchanged."""
    top = heatmaps.max(axis=(-2, -1), keepdims=True)
    return np.divide(heatmaps, top, out=np.zeros_like(heatmaps), where=top > 0)


def _gap(one: np.ndarray, other: np.ndarray) -> float:
    if one.shape != other.shape:
        raise ProofError(f"shape {one.shape} from ONNX, {other.shape} from Keras; nothing was exported.")
    return float(np.abs(one - other).max())


def sample(faces: np.ndarray) -> np.ndarray:
    """At most FACES faces, evenly spaced over the split."""
    return faces[np.linspace(0, len(faces) - 1, min(FACES, len(faces))).astype(int)]


def summary(proof: Proof) -> str:
    """What was proved, for the terminal."""
    values = asdict(proof) | {"temperature": proof.calibration.temperature}
    return (
        "proved on {faces} validation faces: probabilities of ONNX and Keras within {probability_gap:.1e}, heatmaps "
        "within {heatmap_gap:.1e} of Grad-CAM by gradient tape; {bytes:,} bytes, {multiply_adds:,} multiply-adds per "
        "face; temperature {temperature:.3f}, prediction set from {prediction_set_threshold:.3f}"
    ).format_map(values)
