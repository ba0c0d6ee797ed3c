"""Keras to ONNX: calibrated probabilities and Grad-CAM from raw faces, with the contract as metadata, proved equal.

Grad-CAM (Selvaraju et al. 2017) weights each map of the last layer by the mean gradient of a logit to it. Here the
logit is linear in the mean of each map, so that gradient is the linear layer's weight over the map's area, whatever
the face: the heatmap is relu(features x weights) / area, one 1x1 convolution for all classes, and no gradient is
taken when serving.
"""

import json
import subprocess
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import keras
import numpy as np
import onnx
import onnxruntime
import tensorflow as tf
import tf2onnx
from tqdm import tqdm

from training.data.dataset import SIZE, SPLITS, Dataset, is_fer2013
from training.learning import checkpoints, network
from training.learning.predict import predict
from training.release import framing, metrics
from training.release.calibration import Calibration

OPSET = 18
MAX_BYTES = 5_000_000
MAX_MULTIPLY_ADDS = 60_000_000
MAX_PROBABILITY_GAP = 1e-5
MAX_HEATMAP_GAP = 1e-4
PROOF_FACES = 256
COVERAGE = 0.9
# Of a model that FER-2013 taught; another is called after its data, and its licence is for its maker to choose.
NAME = "fer-emotion"
LICENCE = "Apache-2.0 (weights); FER-2013, which taught them, is for research use"


class ProofError(ValueError):
    """The exported file is not what it should be; it was not put in place."""


@dataclass(frozen=True)
class Proof:
    """What was found out about the file before it was put in place. Gaps are largest absolute differences."""

    faces: int
    probability_gap: float
    heatmap_gap: float
    bytes: int
    multiply_adds: int
    calibration: Calibration
    plausible_threshold: float


def export(run: Path, data: Dataset, out: Path) -> Proof:
    """Write the best weights of `run` as `out`, calibrated on PublicTest.

    Raises ProofError where the file is not what it should be, and leaves whatever was at `out`.
    """
    model, recipe, words = checkpoints.load_best(run)
    if words["data_sha256"] != data.sha256:
        raise ValueError(f"{run / checkpoints.BEST} was trained on other data (sha256 {words['data_sha256']})")
    logits = predict(model, data.public_test.faces)
    calibration = Calibration.fit(logits, data.public_test.labels)
    probabilities = calibration.apply(logits)
    threshold = metrics.plausible_threshold(probabilities, data.public_test.labels, COVERAGE)
    multiply_adds = network.multiply_adds(recipe.shape(len(data.labels)))

    out.parent.mkdir(parents=True, exist_ok=True)
    unfinished = out.with_suffix(".tmp.onnx")
    try:
        graph = convert(model, calibration)
        onnx.helper.set_model_props(
            graph,
            {
                **_names(data),
                "version": _version(model),
                "labels": json.dumps(data.labels),
                "data_sha256": data.sha256,
                "code_version": code_version(),
                "seed": str(recipe.seed),
                "metrics": json.dumps(_metrics(probabilities, data)),
                "temperature": repr(calibration.temperature),
                "offsets": json.dumps(calibration.offsets),
                "temperatures": json.dumps(calibration.temperatures),
                "plausible_threshold": repr(threshold),
                "crop_margin": repr(framing.margin(out.parent / framing.FILE, data)),
                "heatmap_layer": network.HEATMAP_LAYER,
                "created": datetime.now(UTC).isoformat(timespec="seconds"),
                "parameters": str(model.count_params()),
                "multiply_adds": str(multiply_adds),
                "training": json.dumps(
                    checkpoints.story(run) | {"mirror_difference_unoriented": _between_sides(run, data, calibration)}
                ),
            },
        )
        onnx.checker.check_model(graph, full_check=True)
        onnx.save(graph, unfinished)
        probability_gap, heatmap_gap = prove(unfinished, model, _sample(data.public_test.faces), calibration)
        proof = Proof(
            faces=min(PROOF_FACES, len(data.public_test)),
            probability_gap=probability_gap,
            heatmap_gap=heatmap_gap,
            bytes=unfinished.stat().st_size,
            multiply_adds=multiply_adds,
            calibration=calibration,
            plausible_threshold=threshold,
        )
        check(proof)
        unfinished.replace(out)
    finally:
        unfinished.unlink(missing_ok=True)
    return proof


def _metrics(probabilities: np.ndarray, data: Dataset) -> dict:
    """PublicTest, which chose the epoch and the temperature, so rather kind. PrivateTest comes later and elsewhere."""
    found = metrics.measure(probabilities, data.public_test.labels, data.labels)
    return {"split": "PublicTest"} | {key: found[key] for key in ("accuracy", "macro_f1", "nll", "ece", "recall")}


def _between_sides(run: Path, data: Dataset, calibration: Calibration) -> float:
    """Mean absolute difference of a probability between a face and its mirror image, were none oriented.

    Of the very same network. It is what a face may jump by whose halves are as bright as each other.
    """
    model, _, _ = checkpoints.load_best(run, oriented=False)
    faces = data.public_test.faces
    one, other = (calibration.apply(predict(model, side)) for side in (faces, faces[:, :, ::-1]))
    return float(np.abs(one - other).mean())


# --- graph -------------------------------------------------------------------------------------


def convert(model: keras.Model, calibration: Calibration) -> onnx.ModelProto:
    """From `faces` uint8 (n, 48, 48, 1) to `probabilities` (n, classes) and `heatmaps` (n, classes, h, w)."""
    graph, _ = tf2onnx.convert.from_function(
        serving(model, calibration), [tf.TensorSpec((None, SIZE, SIZE, 1), tf.uint8, name="faces")], opset=OPSET
    )
    return graph


def serving(model: keras.Model, calibration: Calibration) -> tf.types.experimental.PolymorphicFunction:
    """What is exported, as a TensorFlow function of raw faces."""
    # As numbers: a tensor from outside the function would become a second input of the graph.
    kernel = model.get_layer("logits").kernel.numpy()[None, None]
    log_temperatures = np.log(np.array(calibration.temperatures, np.float32))[:, None]

    def serve(faces: tf.Tensor) -> dict[str, tf.Tensor]:
        logits, features = model(faces, training=False)
        area = features.shape[1] * features.shape[2]
        heatmaps = tf.nn.relu(tf.nn.conv2d(features, kernel, strides=1, padding="VALID")) / area
        raised = logits + calibration.offsets
        temperature = tf.exp(tf.nn.softmax(raised) @ log_temperatures)
        return {
            "probabilities": tf.nn.softmax(raised / temperature),
            "heatmaps": tf.transpose(heatmaps, (0, 3, 1, 2)),
        }

    return tf.function(serve)


# --- proof -------------------------------------------------------------------------------------


def prove(path: Path, model: keras.Model, faces: np.ndarray, calibration: Calibration) -> tuple[float, float]:
    """Largest differences of probabilities and of scaled heatmaps between the file and Keras on `faces`.

    The file runs them in batches of 1, 32 and the rest, since it must take any number.
    """
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    probability_gap = heatmap_gap = 0.0
    parts = [part for part in np.split(faces, [1, 33]) if len(part)]
    for part in tqdm(parts, desc="proving", unit="batch"):
        probabilities, heatmaps = session.run(["probabilities", "heatmaps"], {"faces": part})
        wanted = calibration.apply(predict(model, part))
        probability_gap = max(probability_gap, _gap(probabilities, wanted))
        heatmap_gap = max(heatmap_gap, _gap(scaled(heatmaps), scaled(grad_cam(model, part))))
    return probability_gap, heatmap_gap


def check(proof: Proof) -> None:
    """Raises ProofError for the first promise that the file does not keep."""
    promises = (
        ("probabilities of ONNX and Keras differ by", proof.probability_gap, MAX_PROBABILITY_GAP),
        ("heatmaps differ from the gradient tape's Grad-CAM by", proof.heatmap_gap, MAX_HEATMAP_GAP),
        ("bytes of the file are", proof.bytes, MAX_BYTES),
        ("multiply-adds a face are", proof.multiply_adds, MAX_MULTIPLY_ADDS),
    )
    for words, found, allowed in promises:
        # Not `found > allowed`, which NaN would pass.
        if not found <= allowed:
            raise ProofError(f"{words} {found:,}, allowed is {allowed:,}; nothing was exported.")


def grad_cam(model: keras.Model, faces: np.ndarray) -> np.ndarray:
    """Grad-CAM of every logit as the paper defines it, by automatic differentiation; float32 (n, classes, h, w).

    The tape watches the features and no weights. Otherwise it would also compute the gradients of the convolutions'
    weights, which nobody needs, and oneDNN aborts the process on them for small networks and processors with
    AVX-512 BF16 or FP16. Raises ProofError where the logits are not the linear layer of the pooled features.
    """
    logits, features = model(tf.constant(faces), training=False)
    with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
        tape.watch(features)
        again = network.head(model, features)
        # Faces do not meet in a batch: the sum's gradient is each face's own.
        sums = tf.unstack(tf.reduce_sum(again, axis=0))
    if not np.allclose(again, logits, atol=1e-4):
        raise ProofError("the logits are not a linear layer of the mean features; nothing was exported.")
    maps = []
    for total in sums:
        weights = tf.reduce_mean(tape.gradient(total, features), axis=(1, 2), keepdims=True)
        maps.append(tf.nn.relu(tf.reduce_sum(weights * features, axis=3)))
    return tf.stack(maps, axis=1).numpy()


def scaled(heatmaps: np.ndarray) -> np.ndarray:
    """Each map (…, h, w) divided by its maximum; an empty map stays empty."""
    top = heatmaps.max(axis=(-2, -1), keepdims=True)
    return np.divide(heatmaps, top, out=np.zeros_like(heatmaps), where=top > 0)


def _gap(one: np.ndarray, other: np.ndarray) -> float:
    if one.shape != other.shape:
        raise ProofError(f"shape {one.shape} from ONNX, {other.shape} from Keras; nothing was exported.")
    return float(np.abs(one - other).max())


def _sample(faces: np.ndarray) -> np.ndarray:
    """Faces spread over the whole split, so that all kinds are among them."""
    return faces[np.linspace(0, len(faces) - 1, min(PROOF_FACES, len(faces))).astype(int)]


# --- origin ------------------------------------------------------------------------------------


def _names(data: Dataset) -> dict[str, str]:
    """What the model is called, under which terms it comes, and what taught it."""
    own = is_fer2013(data.name, data.labels)
    counts = {name: len(split) for name, split in zip(SPLITS, data.splits(), strict=True)}
    return {
        "name": NAME if own else data.name,
        "licence": LICENCE if own else f"not stated; whatever the pictures of {data.name}, which taught it, allow",
        "data": json.dumps({"name": data.name, "note": data.note, "faces": counts}),
    }


def _version(model: keras.Model) -> str:
    """Day and weights: 2026.11.22+1a2b3c4d."""
    return f"{datetime.now(UTC):%Y.%m.%d}+{checkpoints.fingerprint(value.numpy() for value in model.variables)}"


def code_version(folder: Path = Path(__file__).parent) -> str:
    """The commit of the code that exports, with +dirty where files differ from it; unknown outside git."""
    commit = _git(folder, "rev-parse", "HEAD")
    if not commit:
        return "unknown"
    return commit + ("+dirty" if _git(folder, "status", "--porcelain", "--untracked-files=no") else "")


def _git(folder: Path, *arguments: str) -> str:
    try:
        # Which git is the caller's own choice, and the words are fixed.
        done = subprocess.run(["git", "-C", folder, *arguments], capture_output=True, text=True, check=False)  # noqa: S603, S607
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def words(proof: Proof) -> str:
    """What was proved, for the terminal."""
    values = asdict(proof) | {"temperature": proof.calibration.temperature}
    return (
        "proved on {faces} PublicTest faces: probabilities of ONNX and Keras within {probability_gap:.1e}, heatmaps "
        "within {heatmap_gap:.1e} of Grad-CAM by gradient tape; {bytes:,} bytes, {multiply_adds:,} multiply-adds a "
        "face; temperature {temperature:.3f}, plausible from {plausible_threshold:.3f}"
    ).format_map(values)
