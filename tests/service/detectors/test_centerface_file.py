"""CenterFace's file: found, checked, adapted."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from service.detectors import centerface_file
from service.detectors.centerface import CenterFaceDetector
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


def test_the_adapted_graph_answers_for_grey_as_the_original_for_colours(content: bytes) -> None:
    grey = np.random.default_rng(0).uniform(0, 255, (1, 1, 64, 96)).astype(np.float32)
    pairs = zip(
        run(centerface_file.adapted(content), grey), run(coloured(content), np.repeat(grey, 3, axis=1)), strict=True
    )
    for ours, theirs in pairs:
        assert ours.shape[2:] == (16, 24)
        np.testing.assert_allclose(ours, theirs, atol=1e-3)


def test_the_adapted_graph_is_valid_and_has_one_input(content: bytes) -> None:
    before, after = onnx.load_from_string(content), onnx.load_from_string(centerface_file.adapted(content))
    onnx.checker.check_model(after)
    assert [value.name for value in after.graph.input] == [INPUT]
    assert after.graph.node == before.graph.node
    assert after.opset_import == before.opset_import
    changed = [
        new.name for new, old in zip(after.graph.initializer, before.graph.initializer, strict=True) if new != old
    ]
    assert changed == ["542"]


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
