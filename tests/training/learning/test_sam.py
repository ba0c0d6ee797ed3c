"""SAM: the gradient is taken at another place, and the network stays where it is."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.training.runs import TINY
from training.data.dataset import Dataset
from training.learning import sam
from training.learning.train import Trainer


def test_the_gradient_is_that_of_the_highest_loss_nearby() -> None:
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, use_bias=False)])
    model.set_weights([np.array([[3.0], [4.0]], np.float32)])
    weights = model.trainable_variables

    def gradients() -> list[tf.Tensor]:
        """Of half the squared length of the weights: the weights themselves."""
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(weights[0] ** 2) / 2
        return tape.gradient(loss, weights)

    found = sam.gradients_at_the_worst(model, gradients(), gradients, rho=0.5)
    np.testing.assert_allclose(found[0], np.array([[3.3], [4.4]]), rtol=1e-6)
    np.testing.assert_array_equal(weights[0], np.array([[3.0], [4.0]]))


def test_batch_statistics_are_counted_once() -> None:
    model = keras.Sequential([keras.Input((1,)), keras.layers.BatchNormalization(momentum=0.5)])
    faces = tf.constant([[1.0], [3.0]])

    def gradients() -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(model(faces, training=True) ** 3)
        return tape.gradient(loss, model.trainable_variables)

    once = gradients()
    statistics = [variable.numpy() for variable in model.non_trainable_variables]
    np.testing.assert_allclose(statistics[0], [1.0])
    sam.gradients_at_the_worst(model, once, gradients, rho=0.1)
    for variable, value in zip(model.non_trainable_variables, statistics, strict=True):
        np.testing.assert_array_equal(variable, value)


def test_it_begins_at_its_share_of_the_epochs(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = Trainer(replace(TINY, sam_rho=0.05, sam_from=0.5), data, None)
    asked = []

    def note(faces: tf.Tensor, *rest: object) -> tuple:
        asked.append(rest[-1])
        return 0.0, 0.0, tf.zeros(len(faces), tf.int64)

    monkeypatch.setattr(trainer, "_compiled_update", note)
    for _ in range(4 * trainer.steps_per_epoch):
        trainer.step(np.arange(21), 24)
    assert asked == [False] * 2 * trainer.steps_per_epoch + [True] * 2 * trainer.steps_per_epoch
    assert not TINY.sam_at(3)
