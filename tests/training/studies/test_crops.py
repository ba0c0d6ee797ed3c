"""The views of ten-crop, and their mean answer."""

import numpy as np

from service.classifier import EmotionClassifier
from training.data.dataset import Dataset
from training.studies import crops


def test_views_are_the_corners_and_the_centre() -> None:
    face = np.zeros((1, 6, 6, 1), np.uint8)
    face[0, 0, 0] = 255
    found = crops.views(face, 4)
    assert [view.shape for view in found] == [(1, 6, 6, 1)] * 5
    assert [bool(view.max()) for view in found] == [True, False, False, False, False]
    whole = np.random.default_rng(0).integers(0, 256, (2, 6, 6, 1), dtype=np.uint8)
    for view in crops.views(whole, 6):
        np.testing.assert_array_equal(view, whole)


def test_the_mean_answer_is_measured(model_path, data: Dataset) -> None:
    found = crops.measure(EmotionClassifier(model_path), data.validation)
    assert found["crop_px"] == 44
    low, high = found["accuracy_95"]
    assert low <= found["accuracy"] <= high
