"""A network that can be computed in the head, and pictures to show it."""

import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from fastapi.testclient import TestClient
from onnx import TensorProto, helper, numpy_helper

from service.app import create_app
from service.classifier import EmotionClassifier
from service.detectors.centerface import CenterFaceDetector
from service.detectors.centerface_file import DetectorFileError
from service.settings import Settings
from tests.service.clips import clip, steady

ROOT = Path(__file__).parents[2]
SHARED_MEDIA = ROOT.parent / "shared" / "media"
LABELS = ("dark", "bright", "never")
SIDE = 8
METADATA = {
    "labels": json.dumps(LABELS),
    "name": "brightness",
    "version": "1.2.3",
    "data_sha256": "d" * 64,
    "code_version": "abc",
    "seed": "7",
    "metrics": json.dumps({"accuracy": 1.0}),
    "temperature": "1.0",
    "prediction_set_threshold": "0.2",
    "crop_margin": "0.0",
    "heatmap_layer": "pixels",
    "licence": "Apache-2.0",
    "created": "2026-01-01T00:00:00+00:00",
}


def brightness_network(metadata: dict[str, str] = METADATA) -> bytes:
    """An ONNX file: with m the mean grey from 0 to 1, P(dark, bright, never) = softmax(10 (1 - m), 10 m, -20).

    Its heatmaps are the four quarters' means: of the face for bright, of its negative for dark, 0 for never.
    """
    constants = {
        "white": np.float32(255),
        "one": np.float32(1),
        "axes": np.array([1, 2, 3]),
        "logit_shape": np.array([-1, 1]),
        "gain": np.array([[-10, 10, 0]], np.float32),
        "bias": np.array([[10, 0, -20]], np.float32),
        "zero": np.float32(0),
    }
    nodes = [
        helper.make_node("Cast", ["faces"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["float", "white"], ["grey"]),
        helper.make_node("ReduceMean", ["grey", "axes"], ["mean"]),
        helper.make_node("Reshape", ["mean", "logit_shape"], ["column"]),
        helper.make_node("Mul", ["column", "gain"], ["scaled"]),
        helper.make_node("Add", ["scaled", "bias"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"]),
        helper.make_node("Transpose", ["grey"], ["channel_first"], perm=[0, 3, 1, 2]),
        helper.make_node("AveragePool", ["channel_first"], ["bright"], kernel_shape=[4, 4], strides=[4, 4]),
        helper.make_node("Sub", ["one", "bright"], ["dark"]),
        helper.make_node("Mul", ["bright", "zero"], ["never"]),
        helper.make_node("Concat", ["dark", "bright", "never"], ["heatmaps"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "brightness",
        [helper.make_tensor_value_info("faces", TensorProto.UINT8, ["n", SIDE, SIDE, 1])],
        [
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", 3]),
            helper.make_tensor_value_info("heatmaps", TensorProto.FLOAT, ["n", 3, 2, 2]),
        ],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    helper.set_model_props(model, metadata)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


@pytest.fixture(scope="session")
def model_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "brightness.onnx"
    path.write_bytes(brightness_network())
    return path


@pytest.fixture(scope="session")
def classifier(model_path: Path) -> EmotionClassifier:
    return EmotionClassifier(model_path)


@pytest.fixture(scope="session")
def centerface_detector() -> CenterFaceDetector:
    """Skips where its file is not installed; `make test` installs it."""
    try:
        return CenterFaceDetector()
    except DetectorFileError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def settings(model_path: Path) -> Settings:
    return Settings(model=model_path, workers=2)


@pytest.fixture(scope="session")
def client(settings: Settings) -> Iterator[TestClient]:
    """One service for all tests that leave it as it was."""
    with TestClient(create_app(settings)) as client:
        yield client


@pytest.fixture(scope="session")
def photo() -> bytes:
    """A public-domain portrait, 512x512, with one smiling face at about (175, 65), 100 wide."""
    return (ROOT / "tests" / "data" / "astronaut.jpg").read_bytes()


@pytest.fixture(scope="session")
def media() -> Path:
    if not SHARED_MEDIA.is_dir():
        pytest.skip("needs the photos and hostile files of ../shared/media, which are not part of the project")
    return SHARED_MEDIA


def encoded(pixels: "np.typing.ArrayLike", extension: str = ".png") -> bytes:
    """Pixels as an image file's bytes."""
    _, buffer = cv2.imencode(extension, np.asarray(pixels, np.uint8))
    return buffer.tobytes()


@pytest.fixture(scope="session")
def white() -> bytes:
    return encoded(np.full((16, 16), 255))


@pytest.fixture(scope="session")
def body() -> bytes:
    """Two seconds of the dark pictures of `clip`."""
    return clip(steady(2))
