"""Logits of a Keras model, and their loss and accuracy."""

import keras
import numpy as np
import tensorflow as tf

from training.data.dataset import Split
from training.learning import network


def predict(model: keras.Model, faces: np.ndarray, batch: int = 256) -> np.ndarray:
    """Logits float32 (n, classes) of faces uint8 (n, h, w, 1)."""
    return predict_heads(model, faces, batch)[network.LABELS]


def predict_heads(model: keras.Model, faces: np.ndarray, batch: int = 256) -> dict[str, np.ndarray]:
    """Logits float32 (n, classes) by the name of each head that the network has: `network.LABELS`, `network.VOTES`."""
    answers: dict[str, list[np.ndarray]] = {}
    for start in range(0, len(faces), batch):
        labels, _, *votes = model(tf.constant(faces[start : start + batch]), training=False)
        for name, logits in zip((network.LABELS, network.VOTES), (labels, *votes), strict=False):
            answers.setdefault(name, []).append(logits.numpy())
    return {name: np.concatenate(parts) for name, parts in answers.items()}


def score(model: keras.Model, split: Split, batch: int = 256) -> tuple[float, float]:
    """Mean cross-entropy in nats and accuracy (0..1) of a Keras model on one split, without augmentation."""
    return score_logits(predict(model, split.faces, batch), split.labels)


def score_logits(logits: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Mean cross-entropy in nats and accuracy (0..1) of logits (n, classes)."""
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    return float(tf.reduce_mean(losses)), float(np.mean(logits.argmax(1) == labels))
