"""Model files that differ from the network that can be computed in the head."""

from collections.abc import Callable

import numpy as np
import onnx
from numpy.typing import ArrayLike


def changed(content: bytes, change: Callable[[onnx.ModelProto], object]) -> bytes:
    model = onnx.load_from_string(content)
    change(model)
    return bytes(model.SerializeToString())


def weights(model: onnx.ModelProto, name: str, values: ArrayLike) -> None:
    (tensor,) = (each for each in model.graph.initializer if each.name == name)
    tensor.CopyFrom(onnx.numpy_helper.from_array(np.asarray(values, np.float32), name))


def end_with(operator: str, value: float) -> Callable[[onnx.ModelProto], None]:
    """The probabilities go through one more operator."""

    def change(model: onnx.ModelProto) -> None:
        for node in model.graph.node:
            if node.output[0] == "probabilities":
                node.output[0] = "right"
        model.graph.initializer.append(onnx.numpy_helper.from_array(np.array(value, np.float32), "last"))
        model.graph.node.append(onnx.helper.make_node(operator, ["right", "last"], ["probabilities"]))

    return change


def nan_for_bright(model: onnx.ModelProto) -> None:
    """The logits get the root of 0.5 - m, times nothing."""
    for node in model.graph.node:
        if node.output[0] == "logits":
            node.output[0] = "right"
    for name, value in (("half", 0.5), ("nothing", 0.0)):
        model.graph.initializer.append(onnx.numpy_helper.from_array(np.array(value, np.float32), name))
    softmax = next(place for place, node in enumerate(model.graph.node) if node.op_type == "Softmax")
    steps = (("Sub", ["half", "column"], "left"), ("Sqrt", ["left"], "root"), ("Mul", ["root", "nothing"], "none"))
    nodes = [onnx.helper.make_node(operator, inputs, [output]) for operator, inputs, output in steps]
    nodes.append(onnx.helper.make_node("Add", ["right", "none"], ["logits"]))
    for offset, node in enumerate(nodes):
        model.graph.node.insert(softmax + offset, node)
