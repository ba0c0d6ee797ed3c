"""A votes head for a network that is trained already: a linear layer, fitted to its pooled features.

Nothing else of the network changes, so the answers of its label head stay as they are. Each train face is seen several
times with small random changes, which are as good as more faces.
"""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from scipy.optimize import minimize
from scipy.special import log_softmax
from tqdm import tqdm

from training.data.augmentation import augment
from training.data.dataset import SIZE, Dataset
from training.learning import checkpoints, network, votes
from training.learning.predict import predict_heads
from training.learning.recipe import Recipe
from training.learning.votes import VoteShares

BATCH = 256
MOST_STEPS = 300


@dataclass(frozen=True)
class Fit:
    """Everything that decides the head, beside the network, the faces and their votes."""

    # Of every train face.
    views: int = 4
    # Of the changes, as in `augment`.
    strength: float = 0.4
    # Half of it times the sum of squared weights is added to the loss; each feature has variance 1 for this.
    penalty: float = 1e-3
    seed: int = 1


def add(
    model: keras.Model, metadata: dict, history: list[dict], data: Dataset, voted: VoteShares, fit: Fit, folder: Path
) -> tuple[float, float]:
    """Write `model`, as it is served, with a votes head to `folder`, as a run that `export` reads.

    `metadata` and `history` are those of the run that trained the network (`checkpoints`); they are kept. A votes head
    that it has is replaced. Returns the head's cross-entropy in nats and its agreement with the voters on the
    validation faces (`votes.agreement`). Raises ValueError where `folder` holds a run.
    """
    if checkpoints.kept(folder).exists() or (folder / checkpoints.CHECKPOINT).exists():
        raise ValueError(f"{folder} holds a run; name another --run.")
    recipe = Recipe.from_json(metadata["recipe"])
    recipe = replace(recipe, votes_weight=recipe.votes_weight or 1.0)
    full = network.build(recipe.shape(len(data.labels)), oriented=True)
    given = {variable.path: variable for variable in model.variables}
    for variable in full.variables:
        if not variable.path.startswith(f"{network.VOTES}/"):
            variable.assign(given[variable.path])
    full.get_layer(network.VOTES).set_weights(_fit(*_views(model, data, voted, fit), fit.penalty))
    arrays = {f"average/{i}": variable.numpy() for i, variable in enumerate(full.variables)}
    metadata = metadata | {"recipe": json.dumps(asdict(recipe)), "votes": voted.source, "votes_fit": asdict(fit)}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / checkpoints.HISTORY).write_text(json.dumps(history, indent=1) + "\n")
    checkpoints.write_checkpoint(
        folder / checkpoints.LAST, metadata, arrays | {checkpoints.VALIDATION_VOTES: voted.validation}
    )
    return votes.agreement(voted.validation, predict_heads(full, data.validation.faces)[network.VOTES])


def _views(model: keras.Model, data: Dataset, voted: VoteShares, fit: Fit) -> tuple[np.ndarray, np.ndarray]:
    """Pooled features float32 (n, channels) of views of the train faces that have votes, and their targets."""
    pooled = keras.Model(model.inputs, model.get_layer("pool").output)

    @tf.function
    def look(faces: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        return pooled(augment(faces, SIZE, seed, fit.strength), training=False)

    rows = np.flatnonzero(voted.train.sum(1) > 0)
    features, wanted = [], []
    for view in tqdm(range(fit.views), desc="views of the train faces", unit="view"):
        # A batch's first faces are saved as JPEG (`augmentation.compress`), so the order is another each time.
        order = np.random.default_rng([fit.seed, view]).permutation(rows)
        for start in range(0, len(order), BATCH):
            chosen = order[start : start + BATCH]
            seed = tf.constant([fit.seed, view * len(rows) + start], tf.int32)
            features.append(look(tf.constant(data.train.faces[chosen]), seed).numpy())
            wanted.append(voted.train[chosen])
    return np.concatenate(features), np.concatenate(wanted)


def _fit(features: np.ndarray, wanted: np.ndarray, penalty: float) -> list[np.ndarray]:
    """Kernel (channels, classes) and bias (classes,) of a multinomial logistic regression on shares (n, classes)."""
    mean, deviation = features.mean(0), features.std(0) + 1e-6
    inputs = np.pad((features - mean) / deviation, [(0, 0), (0, 1)], constant_values=1).astype(np.float32)
    size = (inputs.shape[1], wanted.shape[1])

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights = flat.reshape(size).astype(np.float32)
        likely = log_softmax(inputs @ weights, axis=1)
        gradient = inputs.T @ (np.exp(likely) - wanted) / len(wanted)
        # Not of the bias, the last row.
        weights[-1] = 0
        total = -(wanted * likely).sum() / len(wanted) + penalty / 2 * (weights**2).sum()
        return float(total), (gradient + penalty * weights).ravel().astype(np.float64)

    flat = np.zeros(size[0] * size[1])
    found = minimize(loss, flat, jac=True, method="L-BFGS-B", options={"maxiter": MOST_STEPS}).x.reshape(size)
    kernel = found[:-1] / deviation[:, None]
    return [kernel.astype(np.float32), (found[-1] - mean @ kernel).astype(np.float32)]
