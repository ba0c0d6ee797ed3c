"""The package as a library: an image in, faces out, no server."""

import subprocess
import sys
from pathlib import Path

import pytest

import service
from service import Box, ModelError, load_analyzer
from tests.service.conftest import ROOT


def test_an_image_in_faces_out(photo: bytes, model_path: Path) -> None:
    analysis = load_analyzer(model_path).analyse(photo)
    (face,) = analysis.faces
    assert analysis.size_wh == (512, 512)
    assert isinstance(face.box, Box)
    assert face.emotion == "bright"
    assert face.confidence == face.probabilities[face.labels.index("bright")]


def test_a_model_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"missing\.onnx does not exist"):
        load_analyzer(tmp_path / "missing.onnx")


def test_importing_it_loads_nothing_heavy() -> None:
    code = (
        "import sys, service; sys.exit(', '.join({'numpy', 'cv2', 'onnxruntime', 'fastapi'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_public_name_is_there() -> None:
    for name in service.__all__:
        assert getattr(service, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        service.nothing  # noqa: B018
