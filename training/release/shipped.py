"""Reads the network of an exported ONNX file back into Keras, so that a run can begin with the shipped weights.

The file has each batch norm folded into the convolution before it: one kernel and one bias. Here the convolution gets
the kernel, and the batch norm the mean and variance that the convolution's outputs have for given faces, with the
scale and shift that undo them and add the bias. So the answers are those of the file, which `read` proves, and they
hardly change while training, where the mean and variance are those of the batch.
"""

import json
import re
from pathlib import Path

import keras
import numpy as np
import onnx
import onnxruntime
import tensorflow as tf
from keras import layers
from onnx import numpy_helper

from training.data.dataset import Dataset, is_fer2013
from training.learning import network
from training.learning.recipe import Recipe
from training.release import twin
from training.release.calibration import Calibration

SHIPPED = Path(__file__).parents[2] / "models" / "emotion.onnx"
MAX_GAP = 1e-5
# Number of faces that the means and variances are computed from, and that the answers are proved with.
FACES = 1024
PROOF_FACES = 64
# How the names end that tf2onnx gives to the weights of a layer. Keras numbers the layers: stem_1 is stem.
KERNEL, SHIFT = "/convolution/merged_input:0", "/batchnorm/sub:0"
LINEAR_KERNEL, LINEAR_BIAS = "/Cast/ReadVariableOp:0", "/BiasAdd/ReadVariableOp:0"
# Of a `network.Pointwise`.
PIXEL_KERNEL, PIXEL_BIAS = "/strided_slice:0", "/add/ReadVariableOp:0"


def file_for(data: Dataset) -> Path:
    """The shipped file that a run on this data begins with or learns from.

    For FER-2013 it is the twin where there is one: the other has learned from the validation faces (`twin`).
    """
    return twin.of_file(SHIPPED) if SHIPPED.exists() and is_fer2013(data.name, data.labels) else SHIPPED


def read(path: Path, faces: np.ndarray) -> tuple[keras.Model, tuple[str, ...]]:
    """The network of an exported file, without `network.Orient`, and its labels.

    The batch norms are fitted to `faces` uint8 (n, 48, 48, 1). Raises FileNotFoundError without a file, and ValueError
    for a file that this code did not export or whose answers differ from the network's by more than MAX_GAP.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist; --from takes a run, `shipped`, or `scratch`.")
    file = onnx.load(path)
    metadata = {entry.key: entry.value for entry in file.metadata_props}
    weights = {weight.name: numpy_helper.to_array(weight) for weight in file.graph.initializer}
    try:
        labels = tuple(json.loads(metadata["labels"]))
        recipe = Recipe.from_json(json.dumps(json.loads(metadata["training"])["recipe"]))
        models = [network.build(recipe.shape(len(labels)), oriented=oriented) for oriented in (False, True)]
        for layer in models[0].layers:
            _fill(layer, weights)
        _fit_norms(models[0], faces[:: max(1, len(faces) // FACES)][:FACES])
    except KeyError as error:
        raise ValueError(f"the network of {path} cannot be read back: it has no {error}.") from error
    models[1].set_weights(models[0].get_weights())
    _prove(path, models[1], metadata, faces[:PROOF_FACES])
    return models[0], labels


def as_run(path: Path, faces: np.ndarray) -> tuple[keras.Model, dict, list[dict]]:
    """The network of an exported file as it is served, with the metadata and the history of its run.

    `faces` and exceptions are those of `read`. The metadata is that of kept weights (`checkpoints.load_kept`).
    """
    model, labels = read(path, faces)
    metadata = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    record = json.loads(metadata["training"])
    recipe = Recipe.from_json(json.dumps(record["recipe"]))
    served = network.build(recipe.shape(len(labels)), oriented=True)
    served.set_weights(model.get_weights())
    kept = {name: record.get(name) for name in ("soft", "votes", "started_from", "averaged_with")}
    run = {"recipe": json.dumps(record["recipe"]), "labels": labels, "epoch": record["exported_epoch"]}
    run |= {"data_sha256": metadata["data_sha256"], **kept, "averaged_with": kept["averaged_with"] or []}
    return served, run, record["history"]


def _fill(layer: layers.Layer, weights: dict[str, np.ndarray]) -> None:
    """Set the weights of a layer; a batch norm only adds its bias for now."""
    if isinstance(layer, layers.Conv2D):
        layer.kernel.assign(_find(weights, layer.name, KERNEL).transpose(2, 3, 1, 0))
    elif isinstance(layer, layers.BatchNormalization):
        layer.beta.assign(_find(weights, layer.name, SHIFT))
        layer.gamma.assign(np.full(layer.gamma.shape, np.sqrt(1 + layer.epsilon), np.float32))
    elif isinstance(layer, network.Pointwise):
        layer.kernel.assign(_find(weights, layer.name, PIXEL_KERNEL)[:, :, 0, 0].T)
        layer.bias.assign(_find(weights, layer.name, PIXEL_BIAS))
    elif isinstance(layer, layers.Dense):
        layer.kernel.assign(_find(weights, layer.name, LINEAR_KERNEL))
        layer.bias.assign(_find(weights, layer.name, LINEAR_BIAS))


def _find(weights: dict[str, np.ndarray], layer: str, end: str) -> np.ndarray:
    """The weight of a layer whose name has this end. Raises KeyError."""
    pattern = re.compile(rf"(?:.*/)?{re.escape(layer)}(?:_\d+)?{re.escape(end)}")
    found = [value for name, value in weights.items() if pattern.fullmatch(name)]
    if len(found) != 1:
        raise KeyError(f"{layer}{end}")
    return found[0]


def _fit_norms(model: keras.Model, faces: np.ndarray) -> None:
    """Set mean and variance of every batch norm to those of its input, without changing its output."""
    norms = [layer for layer in model.layers if isinstance(layer, layers.BatchNormalization)]
    moments = keras.Model(model.inputs, [_moments(norm.input) for norm in norms])(tf.constant(faces), training=False)
    for norm, (mean, variance) in zip(norms, moments, strict=True):
        norm.beta.assign(norm.beta + mean)
        norm.gamma.assign(tf.sqrt(variance + norm.epsilon))
        norm.moving_mean.assign(mean)
        norm.moving_variance.assign(variance)


def _moments(maps):
    return keras.ops.mean(maps, axis=(0, 1, 2)), keras.ops.var(maps, axis=(0, 1, 2))


def _prove(path: Path, model: keras.Model, metadata: dict[str, str], faces: np.ndarray) -> None:
    """Raise ValueError where the file and the network that was read from it give different probabilities."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (wanted,) = session.run(["probabilities"], {"faces": faces})
    logits = model(tf.constant(faces), training=False)[0].numpy()
    classes = logits.shape[1]
    calibration = Calibration(
        tuple(json.loads(metadata.get("offsets", json.dumps([0.0] * classes)))),
        tuple(json.loads(metadata.get("temperatures", json.dumps([float(metadata["temperature"])] * classes)))),
    )
    gap = float(np.abs(calibration.apply(logits) - wanted).max())
    if not gap <= MAX_GAP:
        raise ValueError(f"the network that was read from {path} gives other probabilities, by up to {gap:.1e}.")
