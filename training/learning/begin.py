"""Begins a network with the weights of another one."""

from collections.abc import Sequence

import keras
import numpy as np

from training.learning import network


def take_over(model: keras.Model, own: Sequence[str], other: keras.Model, labels: Sequence[str], name: str) -> None:
    """Give `model`, whose labels are `own`, the weights of `other`, whose labels are `labels`.

    The heads take over the weights of the labels that both have; where a label is new, all start at zero. Three
    differences are allowed: a linear layer that reads additional maps starts with zero weights for them, added
    squeeze-and-excitation starts as a factor of one, and an added votes head starts at random. Raises ValueError,
    with the `name` of the other network, for any other difference.
    """
    given = {variable.path: variable.numpy() for variable in other.variables}
    for variable in model.variables:
        value, layer = given.get(variable.path), variable.path.split("/")[0]
        if value is None and (network.EXCITE in layer or layer == network.VOTES):
            continue
        if value is not None and layer in (network.LABELS, network.VOTES):
            value = _for_own_labels(value, own, labels)
        if value is None or value.shape[1:] != variable.shape[1:] or len(value) > variable.shape[0]:
            raise ValueError(f"{name} is of another network: {variable.path} does not fit.")
        variable.assign(np.pad(value, [(0, variable.shape[0] - len(value))] + [(0, 0)] * (value.ndim - 1)))


def _for_own_labels(value: np.ndarray, own: Sequence[str], labels: Sequence[str]) -> np.ndarray:
    """A head's kernel (maps, labels) or bias (labels,) of another network, for `own` labels."""
    if set(own) <= set(labels):
        return value[..., [list(labels).index(label) for label in own]]
    return np.zeros((*value.shape[:-1], len(own)), np.float32)
