"""CenterFace's file: found, checked, adapted."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from service import images
from service.detectors import centerface_file
from service.detectors.centerface import CenterFaceDetector, network_input
from service.detectors.centerface_file import INPUT, OUTPUTS, DetectorFileError


@pytest.fixture(scope="module")
def content(centerface_detector: CenterFaceDetector) -> bytes:
    """There is a file where there is a detector."""
    return centerface_file.read_file()


def coloured(content: bytes) -> bytes:
    """The same graph for three colours and any size, by the package onnx."""
    model = onnx.load_from_string(content)
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in weights]
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.ClearField("shape")
    changed: bytes = model.SerializeToString()
    return changed


def run(content: bytes, pixels: np.ndarray) -> list[np.ndarray]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    answers: list[np.ndarray] = session.run(list(OUTPUTS), {INPUT: pixels})
    return answers


def patterns() -> dict[str, np.ndarray]:
    """Grey pictures float32 (1, 1, h, w) that excite the layers more than photos do, and none at all."""
    noise = np.random.default_rng(0).uniform(0, 255, (64, 96))
    rows, columns = np.indices((64, 96))
    pictures = {
        "noise": noise,
        "black and white noise": np.where(noise > 127, 255, 0),
        "chessboard": (rows + columns) % 2 * 255,
        "large chessboard": (rows // 8 + columns // 8) % 2 * 255,
        "lines": rows % 2 * 255,
        "black": rows * 0,
        "white": rows * 0 + 255,
    }
    return {name: picture.astype(np.float32)[None, None] for name, picture in pictures.items()}


@pytest.mark.parametrize(("name", "grey"), patterns().items())
def test_the_adapted_graph_answers_for_grey_as_the_original_for_colours(
    content: bytes, name: str, grey: np.ndarray
) -> None:
    pairs = zip(
        run(centerface_file.adapted(content), grey), run(coloured(content), np.repeat(grey, 3, axis=1)), strict=True
    )
    for ours, theirs in pairs:
        assert ours.shape[2:] == (16, 24)
        np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_the_adapted_graph_answers_for_a_photo_as_the_original(content: bytes, photo: bytes) -> None:
    grey = images.decode(photo, max_pixels=25_000_000).grey
    pixels, _ = network_input(grey, 320 / max(grey.shape))
    ours, theirs = run(centerface_file.adapted(content), pixels), run(coloured(content), np.repeat(pixels, 3, axis=1))
    assert theirs[0].max() > 0.8
    for changed, original in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(changed, original, atol=1e-4)


def test_the_adapted_graph_is_valid_and_has_one_input(content: bytes) -> None:
    before, after = onnx.load_from_string(content), onnx.load_from_string(centerface_file.adapted(content))
    onnx.checker.check_model(after)
    assert [value.name for value in after.graph.input] == [INPUT]
    assert [value.name for value in after.graph.output] == [value.name for value in before.graph.output]
    assert after.opset_import == before.opset_import


def test_the_adapted_graph_computes_less_in_whole_blocks(content: bytes) -> None:
    before, after = onnx.load_from_string(content), onnx.load_from_string(centerface_file.adapted(content))
    # Two layers are one, and of four last layers three are gone.
    assert len(channels(before)) - len(channels(after)) == 4
    assert sum(channels(after)) < 0.95 * sum(channels(before))
    groups = [onnx.helper.get_node_attr_value(node, "group") for node in after.graph.node if node.op_type == "Conv"]
    assert [group % 16 for group in groups if group > 1] == [0] * 17
    read = {name for node in after.graph.node for name in node.input}
    assert {tensor.name for tensor in after.graph.initializer} < read


def channels(model: onnx.ModelProto) -> list[int]:
    """The channels of each convolution's output."""
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    return [int(weights[node.input[1]].dims[0]) for node in model.graph.node if node.op_type == "Conv"]


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(centerface_file, "PACKAGE", "no-such-package")
    with pytest.raises(DetectorFileError, match=r"package no-such-package is not installed .*requirements/centerface"):
        centerface_file.read_file()


def test_a_missing_file_of_the_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(centerface_file, "PACKAGE", "pytest")
    monkeypatch.setattr(centerface_file, "FILE", "no/such.onnx")
    with pytest.raises(DetectorFileError, match=r"no/such\.onnx cannot be read: No such file"):
        centerface_file.read_file()


def test_another_file_is_not_served(tmp_path: Path) -> None:
    path = tmp_path / "other.onnx"
    path.write_bytes(b"other")
    with pytest.raises(DetectorFileError, match=r"other\.onnx is not the CenterFace file"):
        centerface_file.checked(path)
