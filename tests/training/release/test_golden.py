"""The golden face: the service refuses an exported file that was damaged afterwards."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from service.classifier import EmotionClassifier, ModelError
from tests.training.onnx_files import metadata
from training.release import golden


def test_it_is_the_only_thing_that_is_written(model_path: Path, tmp_path: Path) -> None:
    path = tmp_path / "emotion.onnx"
    path.write_bytes(model_path.read_bytes())
    golden.write(path)
    assert metadata(path) == metadata(model_path)
    assert onnx.load(path).graph == onnx.load(model_path).graph
    assert EmotionClassifier(path).contract.has_golden_face


@pytest.mark.parametrize("times", [0.0, -1.0, 1e20, np.nan])
def test_changed_weights_are_refused(model_path: Path, tmp_path: Path, times: float) -> None:
    model = onnx.load(model_path)
    largest = max(model.graph.initializer, key=lambda tensor: len(tensor.raw_data))
    weights = onnx.numpy_helper.to_array(largest).copy()
    weights[: len(weights) // 2] *= weights.dtype.type(times)
    largest.CopyFrom(onnx.numpy_helper.from_array(weights, largest.name))
    path = tmp_path / "emotion.onnx"
    onnx.save(model, path)
    with pytest.raises(ModelError, match="is damaged"):
        EmotionClassifier(path)


def test_its_face_has_the_size_of_the_input() -> None:
    assert golden.face((48, 48)).shape == (48, 48, 1)
    assert golden.face((7, 50)).shape == (50, 7, 1)
    assert len(np.unique(golden.face((48, 48)))) > 50
