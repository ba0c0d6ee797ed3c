"""Static int8 quantisation of the exported file, kept only if it is as right and much faster on one core.

The network's body, from its first convolution to the last map, is quantised (QDQ form, weights by channel, ranges of
activations from training faces). What is before it (scaling) and after it (pooling, linear layer, heatmaps) stays
float: it is little work, and probabilities and heatmaps come from it.
"""

import hashlib
import json
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quant_pre_process,
    quantize_static,
)
from tqdm import tqdm

from service.classifier import EmotionClassifier
from training.data.dataset import Dataset
from training.release import evaluate

FILE = "int8.json"
MAX_LOSS_POINTS = 0.3
MIN_SPEEDUP = 1.3
CALIBRATION_FACES = 512
BATCH = 64
ROUNDS = 200
RUNS_A_ROUND = 5
WARM_UP_ROUNDS = 10
QUANTISED = ("Conv", "Relu", "Add", "Resize", "Concat", "Transpose")
# Kinds of activations and weights, and whether weights have 7 bits. Without VNNI, x86 adds two products of unsigned and
# signed bytes in 16 bits, which overflow unless the weights have 7 bits (with 8 bits 4 points were lost); two unsigned
# ones are added in 32, slower. Signed activations are no faster than float there.
VARIANTS = {
    "u8s8, 7-bit weights": (QuantType.QUInt8, QuantType.QInt8, True),
    "u8u8": (QuantType.QUInt8, QuantType.QUInt8, False),
}


def try_int8(model: Path, data: Dataset) -> dict:
    """Measure, and keep the figures as FILE beside the model, and the int8 file there if it is worth it."""
    found = measure(model, data, model.with_suffix(".int8.onnx"), ROUNDS)
    (model.parent / FILE).write_text(json.dumps(found, indent=1) + "\n")
    return found


def read(model: Path) -> dict | None:
    """What `try_int8` found out about this very model; None where it has not been asked."""
    path = model.parent / FILE
    if not path.exists():
        return None
    found: dict = json.loads(path.read_text())
    return found if found["sha256"] == _sha256(model) else None


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def measure(model: Path, data: Dataset, out: Path, rounds: int) -> dict:
    """Try every variant; the fastest that loses little is `out` if it gains enough. Plain numbers for JSON.

    Accuracy is PublicTest's, speed that of one face at a time on one thread.
    """
    test = data.public_test
    with tempfile.TemporaryDirectory() as name:
        files = {variant: Path(name) / f"{place}.onnx" for place, variant in enumerate(VARIANTS)}
        for variant, file in tqdm(files.items(), desc="quantising", unit="variant"):
            quantise(model, data.training.faces, variant, file)
        classifiers = {variant: EmotionClassifier(file) for variant, file in {"fp32": model, **files}.items()}
        right = {
            variant: int((evaluate.answer(classifier, test.faces, variant).argmax(1) == test.labels).sum())
            for variant, classifier in classifiers.items()
        }
        runs = {variant: classifier.classify for variant, classifier in classifiers.items()}
        seconds = times(runs, test.faces[:1], rounds)
        tried = {
            variant: {
                "accuracy_int8": right[variant] / len(test),
                # From whole numbers, so that equal accuracies are exactly equal.
                "loss_points": 100 * (right["fp32"] - right[variant]) / len(test),
                "speedup_one_core": seconds["fp32"] / seconds[variant],
                "bytes": file.stat().st_size,
            }
            for variant, file in files.items()
        }
        best = choose(tried)
        kept = keeps(tried[best])
        if kept:
            out.parent.mkdir(parents=True, exist_ok=True)
            out.write_bytes(files[best].read_bytes())
    return {
        "sha256": _sha256(model),
        "accuracy_fp32": right["fp32"] / len(test),
        "milliseconds_fp32": 1000 * seconds["fp32"],
        "bytes_fp32": model.stat().st_size,
        "variant": best,
        **tried[best],
        "kept": kept,
        "tried": tried,
    }


def choose(tried: dict[str, dict]) -> str:
    """The fastest of those that lose little; the one that loses least where none does."""
    faithful = [variant for variant, found in tried.items() if found["loss_points"] < MAX_LOSS_POINTS]
    if faithful:
        return max(faithful, key=lambda variant: tried[variant]["speedup_one_core"])
    return min(tried, key=lambda variant: tried[variant]["loss_points"])


def keeps(found: dict) -> bool:
    """Does a variant lose under MAX_LOSS_POINTS and gain over MIN_SPEEDUP times?"""
    return found["loss_points"] < MAX_LOSS_POINTS and found["speedup_one_core"] > MIN_SPEEDUP


def times(runs: Mapping[str, Callable[[np.ndarray], object]], face: np.ndarray, rounds: int) -> dict[str, float]:
    """Median seconds of a run by name, of the processor: other programs disturb the clock's more.

    They take turns, a few runs each, so that whatever else the machine does falls on all alike. What a run does on
    other threads than the caller's is not seen.
    """
    spent: dict[str, list[float]] = {name: [] for name in runs}
    for turn in tqdm(range(WARM_UP_ROUNDS + rounds), desc="timing", unit="round"):
        for name, run in runs.items():
            for _ in range(RUNS_A_ROUND):
                started = time.thread_time()
                run(face)
                if turn >= WARM_UP_ROUNDS:
                    spent[name].append(time.thread_time() - started)
    return {name: float(np.median(seconds)) for name, seconds in spent.items()}


def words(found: dict) -> str:
    """What came of it, for the terminal."""
    lines = [
        f"{variant}: {one['accuracy_int8']:.2%} on PublicTest ({one['loss_points']:+.2f} points lost), "
        f"{one['speedup_one_core']:.2f} times as fast on one core, {one['bytes']:,} bytes"
        for variant, one in found["tried"].items()
    ]
    end = "is kept" if found["kept"] else "is not kept"
    return "\n".join(
        (
            f"fp32: {found['accuracy_fp32']:.2%}, {found['milliseconds_fp32']:.2f} ms, {found['bytes_fp32']:,} bytes",
            *lines,
            f"{found['variant']} {end} (under {MAX_LOSS_POINTS} points lost, over {MIN_SPEEDUP} times as fast).",
        )
    )


# --- the file ----------------------------------------------------------------------------------


class Faces(CalibrationDataReader):
    """Evenly spaced faces, in batches, for the ranges of activations."""

    def __init__(self, faces: np.ndarray) -> None:
        rows = np.linspace(0, len(faces) - 1, min(CALIBRATION_FACES, len(faces))).astype(int)
        self._batches = iter([faces[rows[start : start + BATCH]] for start in range(0, len(rows), BATCH)])

    def get_next(self) -> dict[str, np.ndarray] | None:
        faces = next(self._batches, None)
        return None if faces is None else {"faces": faces}


def quantise(model: Path, faces: np.ndarray, variant: str, out: Path) -> None:
    """Write one variant of `model` as `out`, with the same outputs and metadata, calibrated on `faces`."""
    activations, weights, seven_bits = VARIANTS[variant]
    prepared = out.with_suffix(".prepared.onnx")
    # Symbolic shapes would need SymPy; sizes are known but for the number of faces.
    quant_pre_process(model, prepared, skip_symbolic_shape=True)
    quantize_static(
        prepared,
        out,
        Faces(faces),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        reduce_range=seven_bits,
        activation_type=activations,
        weight_type=weights,
        calibrate_method=CalibrationMethod.MinMax,
        op_types_to_quantize=QUANTISED,
        nodes_to_quantize=body(onnx.load(prepared)),
    )
    prepared.unlink()
    graph = onnx.load(out)
    onnx.helper.set_model_props(graph, {entry.key: entry.value for entry in onnx.load(model).metadata_props})
    onnx.save(graph, out)


def body(graph: onnx.ModelProto) -> list[str]:
    """Names of the nodes from the first convolution to what is pooled last, the last first."""
    # In a graph's order a node comes after all that it needs.
    nodes = list(graph.graph.node)
    convolved: set[str] = set()
    for node in nodes:
        if node.op_type == "Conv" or convolved & {*node.input}:
            convolved.update(node.output)
    # Blocks that weigh their channels pool as well; the last to pool is the one that the linear layer reads.
    pools = [n for n in nodes if n.op_type in ("ReduceMean", "GlobalAveragePool") and convolved & {*n.input}]
    if not pools:
        raise ValueError("the graph has no pooling after a convolution; quantise what `make export` wrote.")
    needed, found = {*pools[-1].input}, []
    for node in reversed(nodes):
        if needed & {*node.output}:
            needed.update(node.input)
            found += [node.name] if convolved & {*node.output} else []
    return found
