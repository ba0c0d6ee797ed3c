"""A model with a votes head, and one without, whatever the model has."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def with_votes(model: Path, to: Path) -> Path:
    """A copy whose votes are two thirds of the probabilities, and one third of those in the reversed order.

    The heatmap of each label's votes is three times that of the label before it: two answers have two scales.
    """
    file = onnx.load(without_votes(model, to))
    graph = file.graph
    for node in graph.node:
        for names in (node.input, node.output):
            names[:] = [f"own_{name}" if name in ("votes", "votes_heatmaps") else name for name in names]
    about = '{"source": "a rule", "temperature": 1.0, "metrics": {"split": "validation", "agreement": 0.8}}'
    helper.set_model_props(file, {**_without_answers(file), "votes": about})
    shapes = {
        output.name: [part.dim_value or "n" for part in output.type.tensor_type.shape.dim] for output in graph.output
    }
    classes = int(shapes["heatmaps"][1])
    mixing = (2 * np.eye(classes, dtype=np.float32) + np.eye(classes, dtype=np.float32)[::-1]) / 3
    graph.initializer.append(numpy_helper.from_array(mixing, "votes_mixing"))
    graph.node.append(helper.make_node("MatMul", ["probabilities", "votes_mixing"], ["votes"]))
    graph.initializer.append(numpy_helper.from_array(np.roll(np.arange(classes), 1), "next"))
    graph.initializer.append(numpy_helper.from_array(np.array(3, np.float32), "three"))
    graph.node.append(helper.make_node("Gather", ["heatmaps", "next"], ["rolled"], axis=1))
    graph.node.append(helper.make_node("Mul", ["rolled", "three"], ["votes_heatmaps"]))
    graph.output.append(helper.make_tensor_value_info("votes", TensorProto.FLOAT, ["n", classes]))
    graph.output.append(helper.make_tensor_value_info("votes_heatmaps", TensorProto.FLOAT, shapes["heatmaps"]))
    onnx.checker.check_model(file)
    onnx.save(file, to)
    return to


def without_votes(model: Path, to: Path) -> Path:
    """A copy that says nothing of votes."""
    file = onnx.load(model)
    kept = [output for output in file.graph.output if not output.name.startswith("votes")]
    del file.graph.output[:]
    file.graph.output.extend(kept)
    helper.set_model_props(file, _without_answers(file, "golden", "votes"))
    onnx.save(file, to)
    return to


def _without_answers(file: onnx.ModelProto, *names: str) -> dict[str, str]:
    """The metadata without what the other answers would contradict."""
    return {entry.key: entry.value for entry in file.metadata_props if entry.key not in names}
