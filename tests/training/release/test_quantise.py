"""An int8 file is the same model but for its numbers, and is kept only where it gains enough and loses little."""

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest

from service.classifier import EmotionClassifier
from training.data.dataset import Dataset
from training.release import card, quantise

MODELS = Path(__file__).parents[3] / "models"
# The weights that make the heatmaps of all heads from the maps of the two stages.
HEATS = {"Conv2D/filter:0", "Conv2D_1/filter:0"}
FAST = {"loss_points": 0.1, "speedup_one_core": 1.5}


@pytest.fixture(scope="module")
def quantised(model_path: Path, data: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("int8") / "emotion.onnx"
    quantise.quantise(model_path, data.train.faces, "u8s8, 7-bit weights", path)
    return path


def test_the_service_takes_the_file(quantised: Path, model_path: Path, data: Dataset) -> None:
    int8, fp32 = EmotionClassifier(quantised), EmotionClassifier(model_path)
    assert int8.contract.labels == fp32.contract.labels
    words = [{entry.key: entry.value for entry in onnx.load(path).metadata_props} for path in (quantised, model_path)]
    golden = [each.pop("golden") for each in words]
    assert words[0] == words[1]
    # Each file's own answers: the service would refuse a file with another's.
    assert golden[0] != golden[1]
    faces = data.validation.faces
    one, other = int8.classify(faces), fp32.classify(faces)
    np.testing.assert_allclose(one.probabilities, other.probabilities, atol=0.05)
    assert one.heatmaps.shape == other.heatmaps.shape
    assert np.abs(one.probabilities - other.probabilities).max() > 0
    assert [file.name for file in quantised.parent.iterdir()] == ["emotion.onnx"]


def convolutions(graph: onnx.GraphProto) -> tuple[list[str], list[str]]:
    """The weights' names of the convolutions in int8, and of those in float."""
    makers = {name: node for node in graph.node for name in node.output}
    weights = [node.input[1] for node in graph.node if node.op_type == "Conv"]
    quantised = [makers[name].input[0] for name in weights if name in makers]
    assert {makers[name].op_type for name in weights if name in makers} == {"DequantizeLinear"}
    return quantised, [name for name in weights if name not in makers]


def test_both_heads_stay(voted_path: Path, data: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "emotion.onnx"
    quantise.quantise(voted_path, data.train.faces, "u8s8, 7-bit weights", path)
    one, other = (EmotionClassifier(file).classify(data.validation.faces) for file in (path, voted_path))
    assert one.votes is not None
    assert other.votes is not None
    np.testing.assert_allclose(one.votes, other.votes, atol=0.1)
    assert np.abs(one.votes - other.votes).max() > 0
    assert one.votes_heatmaps is not None
    assert one.votes_heatmaps.shape == one.heatmaps.shape
    assert {*convolutions(onnx.load(path).graph)[1]} > HEATS


def test_only_the_body_is_quantised(quantised: Path) -> None:
    graph = onnx.load(quantised).graph
    makers = {name: node.op_type for node in graph.node for name in node.output}
    quantised_names, float_names = convolutions(graph)
    # The stem, and of two blocks two each and a shortcut.
    assert len(quantised_names) == 1 + 2 * 3
    weighs = {name for name in float_names if "_excite_" in name}
    # Two blocks weigh their channels by two linear layers each.
    assert len(weighs) == 2 * 2
    assert {*float_names} - weighs == HEATS
    others = [node for node in graph.node if node.op_type in ("Sub", "Sqrt", "MatMul", "Gemm", "Softmax")]
    # Scaling and answering have one of each, calibration one more linear layer and softmax.
    assert len(others) == 4 + 2
    assert "DequantizeLinear" not in [makers.get(name) for node in others for name in node.input]
    weights = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    stem = next(
        value for name, value in weights.items() if "stem" in name and value.dtype == np.int8 and value.ndim == 4
    )
    # 7 bits.
    assert 60 <= np.abs(stem).max() <= 64


def test_calibration_faces_are_spread_over_all() -> None:
    faces = np.arange(2000)
    reader, seen = quantise.Faces(faces), []
    while (batch := reader.get_next()) is not None:
        seen += batch["faces"].tolist()
    assert len(seen) == quantise.CALIBRATION_FACES
    assert seen[0] == 0
    assert seen[-1] == 1999


def test_a_graph_without_pooling_is_refused() -> None:
    node = onnx.helper.make_node("Relu", ["faces"], ["out"], "relu")
    with pytest.raises(ValueError, match="no pooling after a convolution"):
        quantise.body(onnx.helper.make_model(onnx.helper.make_graph([node], "graph", [], [])))


@pytest.mark.parametrize(
    ("found", "kept"),
    [
        (FAST, True),
        (FAST | {"loss_points": -1.0}, True),
        (FAST | {"loss_points": 0.3}, False),
        (FAST | {"speedup_one_core": 1.3}, False),
    ],
)
def test_kept_only_within_both_limits(found: dict, kept: bool) -> None:
    assert quantise.keeps(found) is kept


def test_the_fastest_that_loses_little_is_chosen() -> None:
    wrong = {"loss_points": 2.0, "speedup_one_core": 3.0}
    assert quantise.choose({"wrong": wrong, "fast": FAST, "slow": FAST | {"speedup_one_core": 1.1}}) == "fast"
    assert quantise.choose({"worse": wrong, "bad": {"loss_points": 0.5, "speedup_one_core": 1.0}}) == "bad"


def test_times_are_of_each_alone() -> None:
    runs = {"short": lambda face: sum(range(1_000)), "long": lambda face: sum(range(100_000))}
    found = quantise.times(runs, np.zeros((1, 48, 48, 1), np.uint8), rounds=5)
    assert 0 < 10 * found["short"] < found["long"]


def test_figures_are_of_one_file_alone(
    model_path: Path, data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Path(shutil.copy(model_path, tmp_path))
    assert quantise.read(model) is None
    monkeypatch.setattr(quantise, "WARM_UP_ROUNDS", 0)
    found = quantise.try_int8(model, data, rounds=1)
    figures = json.loads((MODELS / "metrics.json").read_text())
    assert quantise.read(model) == found
    assert f"{found['accuracy_int8']:.2%} on validation instead of" in card.render(figures | {"int8": found})
    (tmp_path / "emotion.onnx").write_bytes(b"another")
    assert quantise.read(model) is None


@pytest.mark.parametrize("kept", [True, False])
def test_what_is_measured_is_said_and_kept_or_not(
    model_path: Path, data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: bool
) -> None:
    monkeypatch.setattr(quantise, "MIN_SPEEDUP", 0.0 if kept else 1e9)
    monkeypatch.setattr(quantise, "MAX_LOSS_POINTS", 100.1)
    out = tmp_path / "models" / "emotion.int8.onnx"
    found = quantise.measure(model_path, data, out, rounds=2)
    assert json.loads(json.dumps(found)) == found
    assert found["kept"] is kept
    assert out.exists() is kept
    answers = EmotionClassifier(model_path).classify(data.validation.faces).probabilities.argmax(1)
    assert found["accuracy_fp32"] == pytest.approx((answers == data.validation.labels).mean())
    for one in found["tried"].values():
        assert one["loss_points"] == pytest.approx(100 * (found["accuracy_fp32"] - one["accuracy_int8"]))
    assert found["accuracy_int8"] == found["tried"][found["variant"]]["accuracy_int8"]
    if kept:
        assert found["bytes"] == out.stat().st_size
        answers = EmotionClassifier(out).classify(data.validation.faces).probabilities.argmax(1)
        assert found["accuracy_int8"] == pytest.approx((answers == data.validation.labels).mean())
    assert ("is kept" if kept else "is not kept") in quantise.summary(found)
