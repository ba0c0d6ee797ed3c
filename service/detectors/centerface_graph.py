"""Leaves out of CenterFace's graph what does not change its maps, which then take about a tenth less time.

Three things are work for nothing: channels that hardly move what reads them, two layers in a row with nothing between
them, which are one layer, and four small last layers where one does. All follow from the weights alone.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Weights = NDArray[np.float32]

# The largest value that is thought to leave a layer: 27 is the largest in photos, 58 in patterns made to be hard.
LARGEST, LARGEST_PIXEL = 100.0, 255.0
# A channel stays if it can move a value of the layer that reads it by so much.
INFLUENCE = 1e-3
# ONNX Runtime computes so many channels at once where there is AVX-512, and 8 elsewhere. A depthwise layer whose last
# block is not full is not computed in blocks, which takes longer than what was left out.
BLOCK = 16

# The name of what the joined last layers give.
JOINED = "heads"

# ONNX's numbers for the types of an attribute.
_INT, _INTS = 2, 7


def simplify(message: Any, heads: tuple[str, ...]) -> None:
    """Changes an ONNX GraphProto; `heads` are the outputs of its last layers, which all read one map."""
    graph = _Graph(message)
    leave_channels_out(graph)
    join_layers(graph)
    join_heads(graph, heads)
    graph.forget_unread()


class _Graph:
    """Convolutions of an ONNX GraphProto, what reads what, and their weights."""

    def __init__(self, message: Any) -> None:
        self._message = message
        self._tensors = {tensor.name: tensor for tensor in message.initializer}
        self._readers: dict[str, list[Any]] = {}
        for node in message.node:
            for value in node.input:
                self._readers.setdefault(value, []).append(node)

    def convolutions(self) -> list[Any]:
        return [node for node in self._message.node if node.op_type == "Conv"]

    def readers(self, value: str) -> list[Any]:
        """The nodes that read a value in the graph as it was at first."""
        return self._readers.get(value, [])

    def activated(self, node: Any) -> str:
        """The name of a node's output, behind the ReLU that reads it where there is one."""
        readers = self.readers(node.output[0])
        relu = len(readers) == 1 and readers[0].op_type == "Relu"
        return str(readers[0].output[0] if relu else node.output[0])

    def reads_pixels(self, node: Any) -> bool:
        return node.input[0] in {value.name for value in self._message.input}

    def layer(self, node: Any) -> tuple[Weights, Weights]:
        """A convolution's weights (out, in, height, width) and biases (out,)."""
        weights, biases = (self._tensors[name] for name in node.input[1:3])
        return _values(weights), _values(biases)

    def set_layer(self, node: Any, weights: Weights, biases: Weights) -> None:
        for name, values in zip(node.input[1:3], (weights, biases), strict=True):
            tensor = self._tensors[name]
            tensor.ClearField("float_data")
            tensor.raw_data = np.asarray(values, np.float32).tobytes()
            tensor.dims[:] = values.shape

    def node(self, kind: str, inputs: Sequence[str], outputs: Sequence[str], **numbers: int | list[int]) -> Any:
        """A new node, named for its first output, with whole numbers as attributes."""
        node = type(self._message.node[0])(op_type=kind, name=f"{kind}_{outputs[0]}", input=inputs, output=outputs)
        for name, value in numbers.items():
            if isinstance(value, int):
                node.attribute.add(name=name, type=_INT, i=value)
            else:
                node.attribute.add(name=name, type=_INTS, ints=value)
        return node

    def replace(self, by_output: Mapping[str, Sequence[Any]]) -> None:
        """Other nodes in the places of some; those are named by their first outputs."""
        nodes = [by_output.get(node.output[0], [node]) for node in self._message.node]
        copies = [type(node).FromString(node.SerializeToString()) for place in nodes for node in place]
        del self._message.node[:]
        self._message.node.extend(copies)

    def forget_unread(self) -> None:
        """Leaves out the weights that no node reads."""
        read = {name for node in self._message.node for name in node.input}
        tensors = self._message.initializer
        for place in reversed(range(len(tensors))):
            if tensors[place].name not in read:
                del tensors[place]


def leave_channels_out(graph: _Graph) -> None:
    """Channels that the layer after a depthwise one does not need, of the depthwise layer and the one before it."""
    layers = graph.convolutions()
    by_output = {graph.activated(layer): layer for layer in layers}
    for depthwise in layers:
        if _attribute(depthwise, "group").i == 1:
            continue
        before = by_output[depthwise.input[0]]
        (after,) = graph.readers(graph.activated(depthwise))
        kept = ~_unneeded(graph, before, depthwise, after)
        if kept.all():
            continue
        weights, biases = graph.layer(after)
        # What is left out is a constant to the layer that reads it.
        constants = np.maximum(graph.layer(depthwise)[1], 0)[~kept]
        graph.set_layer(after, weights[:, kept], biases + weights[:, ~kept, 0, 0] @ constants)
        for node in (before, depthwise):
            weights, biases = graph.layer(node)
            graph.set_layer(node, weights[kept], biases[kept])
        _attribute(depthwise, "group").i = int(kept.sum())


def _unneeded(graph: _Graph, before: Any, depthwise: Any, after: Any) -> NDArray[np.bool_]:
    """True for each channel that can be left out; so many that whole blocks remain."""
    weights, biases = graph.layer(before)
    largest = LARGEST_PIXEL if graph.reads_pixels(before) else LARGEST
    entering = np.clip(biases + largest * np.abs(weights).sum((1, 2, 3)), 0, LARGEST)
    weights, biases = graph.layer(depthwise)
    silent = biases + entering * np.maximum(weights, 0).sum((1, 2, 3)) <= 0
    moves = entering * np.abs(weights).sum((1, 2, 3)) * np.abs(graph.layer(after)[0]).max((0, 2, 3))
    unneeded: NDArray[np.bool_] = silent | (moves < INFLUENCE)
    # The first few of them stay where the last block would not be full.
    unneeded[np.flatnonzero(unneeded)[: -np.count_nonzero(~unneeded) % BLOCK]] = False
    return unneeded


def join_layers(graph: _Graph) -> None:
    """Two layers of 1x1 weights in a row without a ReLU between them become one, where that is less work."""
    joined: dict[str, list[Any]] = {}
    for first in graph.convolutions():
        readers = graph.readers(first.output[0])
        if len(readers) != 1 or readers[0].op_type != "Conv":
            continue
        second = readers[0]
        (weights, biases), (weights_after, biases_after) = graph.layer(first), graph.layer(second)
        work, work_joined = weights.size + weights_after.size, len(weights_after) * weights.shape[1]
        if weights.shape[2:] == weights_after.shape[2:] == (1, 1) and work_joined < work:
            after = weights_after[:, :, 0, 0]
            graph.set_layer(second, (after @ weights[:, :, 0, 0])[:, :, None, None], biases_after + after @ biases)
            second.input[0] = first.input[0]
            joined[first.output[0]] = []
    graph.replace(joined)


def join_heads(graph: _Graph, outputs: tuple[str, ...]) -> None:
    """One layer instead of those with these outputs, which read the same map, and a node that splits what it gives."""
    heads = [next(layer for layer in graph.convolutions() if output in layer.output) for output in outputs]
    layers = [graph.layer(head) for head in heads]
    joined = heads[0]
    graph.set_layer(joined, *(np.concatenate(parts) for parts in zip(*layers, strict=True)))
    joined.output[0] = JOINED
    split = graph.node("Split", [JOINED], outputs, axis=1, split=[len(biases) for _, biases in layers])
    graph.replace({JOINED: [joined, split], **{output: [] for output in outputs[1:]}})


def _values(tensor: Any) -> Weights:
    values = np.frombuffer(tensor.raw_data, np.float32) if tensor.raw_data else np.array(tensor.float_data, np.float32)
    return values.reshape(tuple(tensor.dims))


def _attribute(node: Any, name: str) -> Any:
    return next(each for each in node.attribute if each.name == name)
