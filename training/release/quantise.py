"""Static int8 quantisation of the exported file, kept only if it is about as accurate and much faster on one core.

The body of the network, from its first convolution to the last map, is quantised (QDQ form, weights per channel,
ranges of activations from train faces). The layers before it (scaling) and after it (pooling, linear layer, heatmaps)
stay float: they take little time, and probabilities and heatmaps come from them.
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
from training.release import evaluate, golden, twin

FILE = "int8.json"
MAX_LOSS_POINTS = 0.3
MIN_SPEEDUP = 1.3
CALIBRATION_FACES = 512
BATCH = 64
ROUNDS = 200
RUNS_A_ROUND = 5
WARM_UP_ROUNDS = 10
POOLS = ("ReduceMean", "GlobalAveragePool")
QUANTISED = ("Conv", "Relu", "Add", "Transpose")
# Types of activations and weights, and whether weights have 7 bits. Without VNNI, x86 processors add two products of
# unsigned and signed bytes in 16 bits, which overflow unless the weights have 7 bits (with 8 bits, 4 points of accuracy
# were lost); products of unsigned bytes are added in 32 bits, slower. Signed activations are no faster than float.
VARIANTS = {
    "u8s8, 7-bit weights": (QuantType.QUInt8, QuantType.QInt8, True),
    "u8u8": (QuantType.QUInt8, QuantType.QUInt8, False),
}


def try_int8(model: Path, data: Dataset, rounds: int = ROUNDS) -> dict:
    """Measure; write the figures as FILE beside the model, and the int8 file where `keeps` says so."""
    found = measure(model, data, model.with_suffix(".int8.onnx"), rounds)
    (model.parent / FILE).write_text(json.dumps(found, indent=1) + "\n")
    return found


def read(model: Path) -> dict | None:
    """The figures of `try_int8` for this very file; None where there are none."""
    path = model.parent / FILE
    if not path.exists():
        return None
    found: dict = json.loads(path.read_text())
    return found if found["sha256"] == _sha256(model) else None


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def measure(model: Path, data: Dataset, out: Path, rounds: int) -> dict:
    """Try every variant; the best one is written as `out` where `keeps` says so. Plain numbers for JSON.

    Accuracy is measured on the validation split, of the model's twin where it has one; speed with one face at a time on
    one thread.
    """
    validation, measured = data.validation, twin.of_file(model)
    with tempfile.TemporaryDirectory() as name:
        files = {variant: Path(name) / f"{place}.onnx" for place, variant in enumerate(VARIANTS)}
        for variant, file in tqdm(files.items(), desc="quantising", unit="variant"):
            quantise(measured, data.train.faces, variant, file)
        classifiers = {variant: EmotionClassifier(file) for variant, file in {"fp32": measured, **files}.items()}
        correct = {
            variant: int(
                (evaluate.probabilities(classifier, validation.faces, variant).argmax(1) == validation.labels).sum()
            )
            for variant, classifier in classifiers.items()
        }
        runs = {variant: classifier.classify for variant, classifier in classifiers.items()}
        seconds = times(runs, validation.faces[:1], rounds)
        tried = {
            variant: {
                "accuracy_int8": correct[variant] / len(validation),
                # Computed from whole numbers, so that equal accuracies give exactly 0.
                "loss_points": 100 * (correct["fp32"] - correct[variant]) / len(validation),
                "speedup_one_core": seconds["fp32"] / seconds[variant],
                "bytes": file.stat().st_size,
            }
            for variant, file in files.items()
        }
        best = choose(tried)
        kept = keeps(tried[best])
        if kept:
            out.parent.mkdir(parents=True, exist_ok=True)
            if measured != model:
                quantise(model, data.train.faces, best, files[best])
            out.write_bytes(files[best].read_bytes())
    return {
        "sha256": _sha256(model),
        "accuracy_fp32": correct["fp32"] / len(validation),
        "milliseconds_fp32": 1000 * seconds["fp32"],
        "bytes_fp32": model.stat().st_size,
        "variant": best,
        **tried[best],
        "kept": kept,
        "tried": tried,
    }


def choose(tried: dict[str, dict]) -> str:
    """The fastest of those that lose under MAX_LOSS_POINTS; where there is none, the one that loses least."""
    faithful = [variant for variant, found in tried.items() if found["loss_points"] < MAX_LOSS_POINTS]
    if faithful:
        return max(faithful, key=lambda variant: tried[variant]["speedup_one_core"])
    return min(tried, key=lambda variant: tried[variant]["loss_points"])


def keeps(found: dict) -> bool:
    """Whether a variant loses under MAX_LOSS_POINTS and is over MIN_SPEEDUP times as fast."""
    return found["loss_points"] < MAX_LOSS_POINTS and found["speedup_one_core"] > MIN_SPEEDUP


def times(runs: Mapping[str, Callable[[np.ndarray], object]], face: np.ndarray, rounds: int) -> dict[str, float]:
    """Median processor seconds of each function for one face, by name.

    The functions take turns, a few runs each, so that other work on the machine affects all alike. Processor time is
    used because other programs disturb it less than the clock's; it counts the calling thread alone.
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


def summary(found: dict) -> str:
    """The figures for the terminal."""
    lines = [
        f"{variant}: {one['accuracy_int8']:.2%} on validation ({one['loss_points']:+.2f} points lost), "
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
    """Evenly spaced faces uint8 (n, h, w, 1), in batches, for the ranges of activations."""

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
    # Symbolic shapes would need SymPy; all sizes but the number of faces are known.
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
    onnx.helper.set_model_props(
        graph, {entry.key: entry.value for entry in onnx.load(model).metadata_props if entry.key != "golden"}
    )
    onnx.save(graph, out)
    # Its own answers differ from those of the file that it was made of.
    golden.write(out, golden.TOLERANCE_INT8)


def body(graph: onnx.ModelProto) -> list[str]:
    """Names of the nodes from the first convolution to the maps that are pooled last, last node first.

    What squeeze-and-excitation blocks compute from pooled values is left out: it takes little time. Raises ValueError
    for a graph without pooling after a convolution.
    """
    # The nodes of a graph are in order: each comes after those whose outputs it reads.
    nodes = list(graph.graph.node)
    convolved: set[str] = set()
    pooled: set[str] = set()
    for node in nodes:
        read = convolved & {*node.input}
        if node.op_type == "Conv" or read:
            convolved.update(node.output)
        if read and (node.op_type in POOLS or read <= pooled):
            pooled.update(node.output)
    # Each stage's last maps are pooled for the linear layers; no other pooling follows on those.
    needed: set[str] = set()
    before_pools: set[str] = set()
    for node in reversed(nodes):
        is_pool = node.op_type in POOLS and bool(convolved & {*node.input})
        is_before = bool(before_pools & {*node.output})
        if is_pool and not is_before:
            needed.update(node.input)
        if is_pool or is_before:
            before_pools.update(node.input)
    if not needed:
        raise ValueError("the graph has no pooling after a convolution; quantise what `make export` wrote.")
    found = []
    for node in reversed(nodes):
        if needed & {*node.output}:
            needed.update(node.input)
            found += [node.name] if convolved.difference(pooled) & {*node.output} else []
    return found
