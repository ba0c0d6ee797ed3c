"""Mixup: pictures and targets in the same shares, drawn from the seed alone."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from tests.training.runs import TINY
from training.data.dataset import Dataset
from training.learning import mixup
from training.learning.train import Trainer


def test_each_row_keeps_its_share_and_takes_the_rest_of_the_row_before() -> None:
    own = tf.constant([1.0, 0.75, 0.5])
    faces = tf.reshape(tf.constant([0.0, 100.0, 200.0]), (3, 1, 1, 1))
    np.testing.assert_allclose(mixup.mix(faces, own).numpy().ravel(), np.array([0, 75, 150]))
    np.testing.assert_allclose(mixup.mix(tf.eye(3), own), np.array([[1, 0, 0], [0.25, 0.75, 0], [0, 0.5, 0.5]]))


def test_shares_follow_from_the_seed() -> None:
    shares = mixup.shares(0.2, 1000, (1, 5))
    assert shares.dtype == np.float32
    assert 0.5 <= shares.min() < 0.55
    assert shares.max() <= 1
    # Beta(0.2, 0.2) gives most pictures to one face.
    assert 0.8 < shares.mean() < 0.95
    np.testing.assert_array_equal(shares, mixup.shares(0.2, 1000, (1, 5)))
    assert not np.array_equal(shares, mixup.shares(0.2, 1000, (1, 6)))
    np.testing.assert_array_equal(mixup.shares(0.0, 3, (1, 5)), np.ones(3))


def test_faces_are_mixed_until_their_time_is_over(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = Trainer(replace(TINY, mixup=0.2, mixup_until=0.5), data, None)
    mixed = []

    def note(faces: tf.Tensor, wanted: tf.Tensor, voted: tf.Tensor, own: tf.Tensor, *_: tf.Tensor) -> tuple:
        mixed.append(float(tf.reduce_min(own)) < 1)
        return 0.0, 0.0, tf.zeros(len(faces), tf.int64)

    monkeypatch.setattr(trainer, "_compiled_update", note)
    for _ in range(4 * trainer.steps_per_epoch):
        trainer.step(np.arange(21), 24)
    assert mixed == [True] * 2 * trainer.steps_per_epoch + [False] * 2 * trainer.steps_per_epoch
