"""The shipped model is not overwritten by accident."""

from dataclasses import replace
from pathlib import Path

import pytest

from training.data.dataset import Dataset
from training.release.place import check_place


def test_only_a_model_of_fer2013_overwrites_one(model_path: Path, data: Dataset, tmp_path: Path) -> None:
    own = replace(data, name="shapes")
    check_place(model_path, data)
    check_place(tmp_path / "new.onnx", own)
    with pytest.raises(ValueError, match="is a model of FER-2013, and this one is of shapes: name another file"):
        check_place(model_path, own)
