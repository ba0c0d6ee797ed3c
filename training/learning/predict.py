"""Logits of a Keras model, and their loss and accuracy."""

import keras
import numpy as np
import tensorflow as tf

from training.data.dataset import Split


def predict(model: keras.Model, faces: np.ndarray, batch: int = 256) -> np.ndarray:
    """Logits float32 (n, classes) of faces uint8 (n, h, w, 1)."""
    parts = [faces[start : start + batch] for start in range(0, len(faces), batch)]
    return np.concatenate([model(tf.constant(part), training=False)[0].numpy() for part in parts])


def score(model: keras.Model, split: Split, batch: int = 256) -> tuple[float, float]:
    """Mean cross-entropy in nats and accuracy (0..1) of a Keras model on one split, without augmentation."""
    logits = predict(model, split.faces, batch)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(split.labels, logits)
    return float(tf.reduce_mean(losses)), float(np.mean(logits.argmax(1) == split.labels))
