"""Keras to ONNX: calibrated probabilities and Grad-CAM heatmaps from raw faces, with metadata and a proof.

Grad-CAM (Selvaraju et al. 2017) weights each map of the last layer by the mean gradient of a logit to it. Here a
logit is linear in the mean of each map, so this gradient is the linear layer's weight divided by the map's area,
whatever the face. The heatmap is relu(features x weights) / area: one 1x1 convolution for all classes, and no gradient
is computed when serving.
"""

import json
from datetime import UTC, datetime
from pathlib import Path

import keras
import numpy as np
import onnx
import tensorflow as tf
import tf2onnx

from training.data.dataset import SIZE, Dataset
from training.learning import checkpoints, network, votes
from training.learning import twin as twins
from training.learning.predict import predict, predict_heads
from training.release import framing, golden, metrics, origin, proof
from training.release.calibration import Calibration
from training.release.proof import Proof

OPSET = 18
COVERAGE = 0.9


def export(run: Path, data: Dataset, out: Path, *, best: bool = False, twin: Path | None = None) -> Proof:
    """Write the weights of `run` as the ONNX file `out`, calibrated on the validation split.

    They are those of the last epoch, or of the `best` one (see `checkpoints.kept`). A run that has learned from the
    validation faces needs the run of its `twin`, whose answers are calibrated and measured in its place.

    Raises ProofError where the file does not give what Keras gives or is too large, ValueError for a run on other data
    or a twin that is not one, and FileNotFoundError for a run without weights; whatever was at `out` is then unchanged.
    """
    answering = twins.of_run(run, twin, best=best)
    model, recipe, stored = checkpoints.load_kept(run, best=best)
    checkpoints.check_data(checkpoints.kept(run, best=best), stored, data)
    measured = model if answering == run else checkpoints.load_kept(answering, best=best)[0]
    answers = predict_heads(measured, data.validation.faces)
    logits = answers[network.LABELS]
    calibration = Calibration.fit(logits, data.validation.labels)
    calibrations = {network.LABELS: calibration}
    shares = checkpoints.validation_votes(answering, best=best)
    if shares is not None:
        calibrations[network.VOTES] = Calibration.fit_shares(answers[network.VOTES], shares)
    probabilities = calibration.apply(logits)
    threshold = metrics.prediction_set_threshold(probabilities, data.validation.labels, COVERAGE)
    multiply_adds = network.multiply_adds(recipe.shape(len(data.labels)))
    difference = _mirror_difference(answering, data, calibration, best=best)
    metadata = {
        **origin.names(data),
        "version": origin.version(model),
        "labels": json.dumps(data.labels),
        "data_sha256": data.sha256,
        "code_version": origin.code_version(),
        "seed": str(recipe.seed),
        "metrics": json.dumps(_metrics(probabilities, data)),
        "temperature": repr(calibration.temperature),
        "offsets": json.dumps(calibration.offsets),
        "temperatures": json.dumps(calibration.temperatures),
        "prediction_set_threshold": repr(threshold),
        "crop_margin": repr(framing.margin(out.parent / framing.FILE, data)),
        "heatmap_layer": network.HEATMAP_LAYER,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "parameters": str(model.count_params()),
        "multiply_adds": str(multiply_adds),
        "training": json.dumps(
            checkpoints.training_record(run, best=best) | {"mirror_difference_unoriented": difference}
        ),
    }
    if answering != run:
        metadata["twin"] = origin.weights(measured)
    if shares is not None:
        shared = calibrations[network.VOTES].apply(answers[network.VOTES])
        of_votes = _votes_metrics(shared, shares, probabilities, data)
        temperature = calibrations[network.VOTES].temperature
        metadata["votes"] = json.dumps({"source": stored["votes"], "temperature": temperature, "metrics": of_votes})

    out.parent.mkdir(parents=True, exist_ok=True)
    unfinished = out.with_suffix(".tmp.onnx")
    try:
        graph = convert(serving(model, calibrations))
        onnx.helper.set_model_props(graph, metadata)
        onnx.checker.check_model(graph, full_check=True)
        onnx.save(graph, unfinished)
        golden.write(unfinished)
        faces = proof.sample(data.validation.faces)
        probability_gap, heatmap_gap = proof.prove(unfinished, model, faces, calibrations)
        found = Proof(
            faces=len(faces),
            probability_gap=probability_gap,
            heatmap_gap=heatmap_gap,
            bytes=unfinished.stat().st_size,
            multiply_adds=multiply_adds,
            calibration=calibration,
            prediction_set_threshold=threshold,
        )
        proof.check(found)
        unfinished.replace(out)
    finally:
        unfinished.unlink(missing_ok=True)
    return found


def _metrics(probabilities: np.ndarray, data: Dataset) -> dict:
    """Figures of the validation split. It chose the epoch and the calibration, so they are a little too good."""
    found = metrics.measure(probabilities, data.validation.labels, data.labels)
    return {"split": "validation"} | {key: found[key] for key in ("accuracy", "macro_f1", "nll", "ece", "recall")}


def _votes_metrics(predicted: np.ndarray, wanted: np.ndarray, probabilities: np.ndarray, data: Dataset) -> dict:
    """Figures of the votes head, from its shares, the voters' and the labels' probabilities (n, classes).

    Of the validation split, whose voters taught nothing but the temperature.
    """
    cross_entropy, agreement = votes.agreement(wanted, np.log(predicted))
    used = wanted.sum(1) > 0
    return {
        "split": "validation",
        "cross_entropy": cross_entropy,
        "agreement": agreement,
        "agreement_of_emotions": votes.agreement(wanted, np.log(probabilities))[1],
        "accuracy": float((predicted.argmax(1) == data.validation.labels).mean()),
        "ece": metrics.share_calibration_error(predicted[used], wanted[used]),
    }


def _mirror_difference(run: Path, data: Dataset, calibration: Calibration, *, best: bool) -> float:
    """Mean absolute difference of a probability between a face and its mirror image, without `network.Orient`.

    An answer may change by about this much when the light on a face moves from one half to the other.
    """
    model, _, _ = checkpoints.load_kept(run, oriented=False, best=best)
    faces = data.validation.faces
    one, other = (calibration.apply(predict(model, side)) for side in (faces, faces[:, :, ::-1]))
    return float(np.abs(one - other).mean())


def convert(function: tf.types.experimental.PolymorphicFunction) -> onnx.ModelProto:
    """A TensorFlow function of `faces` uint8 (n, 48, 48, 1) as an ONNX graph."""
    graph, _ = tf2onnx.convert.from_function(
        function, [tf.TensorSpec((None, SIZE, SIZE, 1), tf.uint8, name="faces")], opset=OPSET
    )
    return graph


def serving(model: keras.Model, calibrations: dict[str, Calibration]) -> tf.types.experimental.PolymorphicFunction:
    """What is exported: `faces` (n, 48, 48, 1) to `proof.OUTPUTS` of each head that has a calibration.

    A head is applied to the maps of each stage before they are joined and mirrored: for seven heatmaps that costs less
    than for all features, and means do not change by it.
    """
    stages = network.stages(model)
    widths = [maps.shape[-1] for maps in stages.outputs[:-1]]
    # As numbers: a tensor from outside the function would become a second input of the graph.
    kernel = np.concatenate([model.get_layer(head).kernel.numpy() for head in calibrations], axis=1)[None, None]
    kernels = np.split(kernel, np.cumsum(widths)[:-1], axis=2)
    log_temperatures = {
        head: np.log(np.array(calibration.temperatures, np.float32))[:, None]
        for head, calibration in calibrations.items()
    }

    def serve(faces: tf.Tensor) -> dict[str, tf.Tensor]:
        *features, mirrored = stages(faces, training=False)
        pooled = tf.concat([tf.reduce_mean(maps, axis=(1, 2)) for maps in features], axis=1)
        products = [tf.nn.conv2d(maps, part, 1, "VALID") for maps, part in zip(features, kernels, strict=True)]
        maps = tf.nn.relu(network.join(model, products, mirrored))
        maps = tf.transpose(maps / (maps.shape[1] * maps.shape[2]), (0, 3, 1, 2))
        outputs: dict[str, tf.Tensor] = {}
        for (head, calibration), of_head in zip(
            calibrations.items(), tf.split(maps, len(calibrations), 1), strict=True
        ):
            probabilities, heatmaps = proof.OUTPUTS[head]
            raised = model.get_layer(head)(pooled) + calibration.offsets
            temperature = tf.exp(tf.nn.softmax(raised) @ log_temperatures[head])
            outputs[probabilities] = tf.nn.softmax(raised / temperature)
            outputs[heatmaps] = of_head
        return outputs

    return tf.function(serve)
