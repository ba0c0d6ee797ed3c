"""Mixup (Zhang et al. 2018): a picture is the weighted mean of two faces of a batch, and so is its target."""

import numpy as np
import tensorflow as tf


def shares(alpha: float, count: int, seed: tuple[int, ...]) -> np.ndarray:
    """The share of each picture that is its own face, float32 (count,), from 0.5 to 1; the rest is its partner.

    Drawn from Beta(alpha, alpha); the same seed gives the same shares. The larger share is a face's own, so that its
    label remains the likelier one. With `alpha` 0 all faces stay as they are.
    """
    if alpha == 0:
        return np.ones(count, np.float32)
    drawn = np.random.default_rng(seed).beta(alpha, alpha, count)
    return np.maximum(drawn, 1 - drawn).astype(np.float32)


def mix(values: tf.Tensor, own: tf.Tensor) -> tf.Tensor:
    """Each row of float32 (n, …) times its share `own` (n,), plus its partner, the row before it, times the rest."""
    share = tf.reshape(own, (-1, *[1] * (len(values.shape) - 1)))
    return values * share + tf.roll(values, 1, axis=0) * (1 - share)
