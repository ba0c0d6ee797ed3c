"""Loss and accuracy, worked out by hand."""

import numpy as np
import pytest
import tensorflow as tf

from training.data.dataset import Split
from training.learning.predict import score


def test_score_by_hand() -> None:
    class Bright:
        """Logits (0, brightness in the corner)."""

        def __call__(self, faces: np.ndarray, training: bool) -> tuple:
            corner = tf.cast(faces[:, 0, 0, 0], tf.float32)
            return tf.stack([tf.zeros_like(corner), corner], axis=1), None

    faces = np.zeros((3, 48, 48, 1), np.uint8)
    faces[1:, 0, 0, 0] = 1
    loss, accuracy = score(Bright(), Split(faces, np.array([0, 1, 0])), batch=2)
    assert accuracy == pytest.approx(2 / 3)
    assert loss == pytest.approx((np.log(2) + np.log1p(np.exp(-1)) + np.log1p(np.exp(1))) / 3, rel=1e-6)
