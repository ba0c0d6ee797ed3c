"""A network that can be computed in the head, and pictures to show it."""

import json
import tempfile
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


VOTES = {"source": "people", "temperature": 1.5, "metrics": {"split": "validation", "agreement": 0.75}}
VOTES_METADATA = {**METADATA, "votes": json.dumps(VOTES)}


def brightness_network(metadata: dict[str, str] = METADATA, *, votes: bool = False) -> bytes:
    """An ONNX file: with m the mean grey from 0 to 1, P(dark, bright, never) = softmax(10 (1 - m), 10 m, -20).

    Its heatmaps are the four quarters' means: of the face for bright, of its negative for dark, 0 for never. With
    `votes` (see VOTES_METADATA) it has a votes head: the shares (1 - m) / 2, m / 2, 1 / 2, and the heatmaps of the
    labels in the reversed order.
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
    outputs = [
        helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", 3]),
        helper.make_tensor_value_info("heatmaps", TensorProto.FLOAT, ["n", 3, 2, 2]),
    ]
    if votes:
        constants |= {
            "votes_gain": np.array([[-0.5, 0.5, 0]], np.float32),
            "votes_bias": np.array([[0.5, 0, 0.5]], np.float32),
            "reversed": np.array([2, 1, 0]),
        }
        nodes += [
            helper.make_node("Mul", ["column", "votes_gain"], ["votes_scaled"]),
            helper.make_node("Add", ["votes_scaled", "votes_bias"], ["votes"]),
            helper.make_node("Gather", ["heatmaps", "reversed"], ["votes_heatmaps"], axis=1),
        ]
        outputs += [
            helper.make_tensor_value_info("votes", TensorProto.FLOAT, ["n", 3]),
            helper.make_tensor_value_info("votes_heatmaps", TensorProto.FLOAT, ["n", 3, 2, 2]),
        ]
    graph = helper.make_graph(
        nodes,
        "brightness",
        [helper.make_tensor_value_info("faces", TensorProto.UINT8, ["n", SIDE, SIDE, 1])],
        outputs,
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
def votes_model_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The network with a votes head."""
    path = tmp_path_factory.mktemp("model") / "votes.onnx"
    path.write_bytes(brightness_network(VOTES_METADATA, votes=True))
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
    """For services that a test starts for itself: one worker each, as most of a start is the loading of workers."""
    return Settings(model=model_path, workers=1)


@pytest.fixture(scope="session")
def client(settings: Settings) -> Iterator[TestClient]:
    """One service with two workers for all tests that leave it as it was."""
    with TestClient(create_app(settings.model_copy(update={"workers": 2}))) as client:
        yield client


@pytest.fixture(scope="session")
def votes_client(settings: Settings, votes_model_path: Path) -> Iterator[TestClient]:
    """A service whose model has a votes head."""
    with TestClient(create_app(settings.model_copy(update={"model": votes_model_path}))) as client:
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


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A folder with a short name: that of a socket has at most 107 characters, and pytest's own is long."""
    with tempfile.TemporaryDirectory(prefix="fer") as folder:
        yield Path(folder)
