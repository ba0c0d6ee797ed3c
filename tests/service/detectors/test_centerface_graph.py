"""What is left out of CenterFace's graph, with networks that can be computed by hand."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper

from service.detectors import centerface_graph
from service.detectors.centerface_graph import simplify

# A layer's name, the name of what it reads, its weights by output channel, its biases, and whether a ReLU follows. What
# it gives is named for it; depthwise layers have 3x3 weights of one value each.
Layer = tuple[str, str, list[list[float]], list[float], bool]


def network(layers: list[Layer], outputs: list[str], depthwise: str = "") -> onnx.ModelProto:
    """A graph that reads "pixels", of one channel, as CenterFace's file writes it."""
    nodes, tensors = [], []
    for name, reads, weights, biases, relu in layers:
        apart = name == depthwise
        values = np.array(weights, np.float32)[:, :, None, None] * np.ones((3, 3) if apart else (1, 1), np.float32)
        tensors += [
            numpy_helper.from_array(values.astype(np.float32), f"{name} weights"),
            helper.make_tensor(f"{name} biases", onnx.TensorProto.FLOAT, [len(biases)], biases),
        ]
        before = f"{name} before" if relu else name
        inputs = [reads, f"{name} weights", f"{name} biases"]
        group, pads = (len(weights), [1] * 4) if apart else (1, [0] * 4)
        nodes.append(helper.make_node("Conv", inputs, [before], group=group, pads=pads, kernel_shape=values.shape[2:]))
        if relu:
            nodes.append(helper.make_node("Relu", [before], [name]))
    ends = [
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, None, None, None])
        for name in ("pixels", *outputs)
    ]
    graph = helper.make_graph(nodes, "by hand", ends[:1], ends[1:], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 9)], ir_version=4)


def layers(model: onnx.ModelProto) -> dict[str, tuple[list[list[float]], list[float]]]:
    """The first weight of each pair of channels, and the biases, of each layer by the name of its weights."""
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    return {
        node.input[1].removesuffix(" weights"): (
            tensors[node.input[1]][:, :, 0, 0].tolist(),
            tensors[node.input[2]].tolist(),
        )
        for node in model.graph.node
        if node.op_type == "Conv"
    }


def run(model: onnx.ModelProto) -> list[np.ndarray]:
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    pixels = np.random.default_rng(0).uniform(0, 255, (1, 1, 8, 8)).astype(np.float32)
    answers: list[np.ndarray] = session.run(None, {"pixels": pixels})
    return answers


@pytest.fixture
def blocks_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(centerface_graph, "BLOCK", 1)


def block(*, wide: list[float], deep: list[float], after: list[float]) -> onnx.ModelProto:
    """Three channels of the pixels, a depthwise layer with these weights and biases -1, -1 and 2, and their sum."""
    return network(
        [
            ("wide", "pixels", [[weight] for weight in wide], [0, 0, 0], True),
            ("deep", "wide", [[weight] for weight in deep], [-1, -1, 2], True),
            ("after", "deep", [after], [0.5], False),
            ("one", "after", [[1]], [0], False),
            ("two", "after", [[2]], [0], False),
        ],
        ["one", "two"],
        depthwise="deep",
    )


@pytest.mark.usefixtures("blocks_of_one")
def test_silent_and_constant_channels_by_hand() -> None:
    # The second channel's weights are negative, so that it is always 0, the third one is always 2: 2 * 10 + 0.5 = 20.5.
    model = block(wide=[1, 1, 1], deep=[1, -1, 0], after=[3, 5, 10])
    wanted = run(model)
    simplify(model.graph, ("one", "two"))
    assert layers(model) == {
        "wide": ([[1]], [0]),
        "deep": ([[1]], [-1]),
        "after": ([[3]], [20.5]),
        "one": ([[1], [2]], [0, 0]),
    }
    for ours, theirs in zip(run(model), wanted, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)


@pytest.mark.usefixtures("blocks_of_one")
@pytest.mark.parametrize(
    ("wide", "deep", "after", "kept"),
    [
        # 255 * 1e-8 enters the third channel at most, which moves its nine weights' sum by 9 times as much.
        ([1, 1, 1e-8], [1, 1, 1], [1, 1, 1], 2),
        ([1, 1, 1e-8], [1, 1, 1], [1, 1, 100], 3),
        ([1, 1, 1e-6], [1, 1, 1], [1, 1, 1], 3),
        ([1, 1, 1], [1, 1, 1], [1, 1, 0], 2),
        ([1, 1, 1], [1, 1, 1], [1, 1, -1], 3),
    ],
)
def test_a_channel_stays_if_it_moves_what_reads_it(
    wide: list[float], deep: list[float], after: list[float], kept: int
) -> None:
    model = block(wide=wide, deep=deep, after=after)
    simplify(model.graph, ("one", "two"))
    assert len(layers(model)["deep"][1]) == kept


@pytest.mark.parametrize(("size", "kept"), [(1, 1), (2, 2), (3, 3), (4, 3)])
def test_blocks_stay_whole(monkeypatch: pytest.MonkeyPatch, size: int, kept: int) -> None:
    monkeypatch.setattr(centerface_graph, "BLOCK", size)
    model = block(wide=[1, 1, 1], deep=[1, -1, 0], after=[3, 5, 10])
    wanted = run(model)
    simplify(model.graph, ("one", "two"))
    assert len(layers(model)["deep"][1]) == kept
    for ours, theirs in zip(run(model), wanted, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def test_two_layers_become_one_by_hand() -> None:
    first: Layer = ("first", "pixels", [[1], [2], [3]], [1, 0, 0], False)
    second: Layer = ("second", "first", [[1, 1, 1], [0, 2, 1]], [0, 4], True)
    last: list[Layer] = [("one", "second", [[1, 0]], [0], False), ("two", "second", [[0, 1]], [0], False)]
    model = network([first, second, *last], ["one", "two"])
    wanted = run(model)
    simplify(model.graph, ("one", "two"))
    assert layers(model) == {"second": ([[6], [7]], [1, 4]), "one": ([[1, 0], [0, 1]], [0, 0])}
    for ours, theirs in zip(run(model), wanted, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)


SAME: list[list[float]] = [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
SUM: list[list[float]] = [[1, 1, 1]]


START: Layer = ("start", "pixels", [[1], [2], [3]], [0, 0, 0], True)
APART: dict[str, tuple[list[Layer], str]] = {
    "relu": ([("first", "start", SAME, [0, 0, 0], True), ("second", "first", SUM, [0], True)], "second"),
    # A layer that is narrower than both its neighbours is less work than both joined.
    "narrow": ([("first", "start", SUM, [0], False), ("second", "first", [[1]] * 3, [0, 0, 0], True)], "second"),
    "read twice": ([("first", "start", SUM, [0], False), ("second", "first", [[1]], [0], True)], "first"),
}


@pytest.mark.parametrize(("middle", "reads"), APART.values(), ids=APART)
def test_layers_that_stay_apart(middle: list[Layer], reads: str) -> None:
    width = next(len(biases) for name, _, _, biases, _ in middle if name == reads)
    last: list[Layer] = [(name, reads, [[1] * width], [0], False) for name in ("one", "two")]
    model = network([START, *middle, *last], ["second", "one", "two"])
    simplify(model.graph, ("one", "two"))
    assert [*layers(model)] == ["start", "first", "second", "one"]


def test_the_last_layers_become_one_in_the_order_of_their_outputs() -> None:
    model = network(
        [
            ("map", "pixels", [[1], [2]], [0, 0], True),
            ("c", "map", [[1, 0], [0, 1], [1, 1]], [1, 2, 3], False),
            ("a", "map", [[5, 5]], [0], False),
            ("b", "map", [[1, 2], [3, 4]], [0, 9], False),
        ],
        ["a", "b", "c"],
    )
    wanted = run(model)
    simplify(model.graph, ("c", "a", "b"))
    assert layers(model) == {
        "map": ([[1], [2]], [0, 0]),
        "c": ([[1, 0], [0, 1], [1, 1], [5, 5], [1, 2], [3, 4]], [1, 2, 3, 0, 0, 9]),
    }
    for ours, theirs in zip(run(model), wanted, strict=True):
        np.testing.assert_array_equal(ours, theirs)
