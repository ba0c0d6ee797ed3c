"""Sharpness-aware minimisation (SAM, Foret et al. 2021): towards weights whose surroundings have a low loss too."""

from collections.abc import Callable, Sequence

import keras
import tensorflow as tf


def gradients_at_the_worst(
    model: keras.Model, gradients: Sequence[tf.Tensor], again: Callable[[], list[tf.Tensor]], rho: float
) -> list[tf.Tensor]:
    """The gradients where the loss is highest, to first order, within the distance `rho` of the weights.

    `gradients` are those at the weights, and `again` computes them anew. Weights and batch statistics are afterwards
    what they were before.
    """
    variables = (*model.trainable_variables, *model.non_trainable_variables)
    before = [tf.identity(variable) for variable in variables]
    share = rho / (tf.linalg.global_norm(gradients) + 1e-12)
    for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
        variable.assign_add(gradient * share)
    worst = again()
    for variable, value in zip(variables, before, strict=True):
        variable.assign(value)
    return worst
