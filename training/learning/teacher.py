"""Soft targets: what FER+ voters and networks that were trained before would answer, weighed against each other.

The voters saw the face but not FER-2013's label; a trained network has FER-2013's habits but sees less. Their product
of experts, softmax(sum of weight x log P), is closer to PublicTest's labels than either, and a network that learns it
beside the labels learns from a target with less noise in it (distillation, Hinton et al. 2015, with the votes as
privileged information, Lopez-Paz et al. 2016).
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax
from tqdm import tqdm

from training.data.dataset import Dataset
from training.learning import checkpoints, targets
from training.learning.predict import predict
from training.learning.targets import Soft


def teach(data: Dataset, runs: Sequence[Path], votes: tuple[np.ndarray, ...] | None) -> Soft | None:
    """The joint answer of the best networks of `runs` and of `votes` (by split) for the Training faces.

    The networks look at each face and at its mirror image. The experts' weights are those of least
    negative log likelihood on PublicTest. None without experts; raises ValueError for a run on other data.
    """
    names, training, public = [], [], []
    if votes is not None:
        weights = targets.fit_votes(votes[0], data.training.labels, len(data.labels))
        names.append("FER+ votes")
        training.append(np.log(targets.read_votes(votes[0], weights)))
        public.append(np.log(targets.read_votes(votes[1], weights)))
    for run in tqdm(runs, desc="teachers", unit="network", disable=not runs):
        model, _, words = checkpoints.load_best(run, oriented=False)
        if words["data_sha256"] != data.sha256:
            raise ValueError(f"{run / checkpoints.BEST} was trained on other data (sha256 {words['data_sha256']})")
        names.append(f"network {checkpoints.fingerprint(value.numpy() for value in model.variables)}")
        for answers, split in ((training, data.training), (public, data.public_test)):
            both = predict(model, split.faces) + predict(model, split.faces[:, :, ::-1])
            answers.append(log_softmax(both / 2, axis=1))
    if not names:
        return None
    shares = _weigh(np.stack(public), data.public_test.labels) if len(names) > 1 else np.ones(1)
    joint = softmax(np.tensordot(shares, np.stack(training), 1), axis=1)
    source = ", ".join(f"{name} (weight {share:.2f})" for name, share in zip(names, shares, strict=True))
    return Soft(joint.astype(np.float32), source)


def _weigh(answers: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Weights (experts,) of log probabilities (experts, n, classes), not below zero."""

    def loss(shares: np.ndarray) -> float:
        joint = log_softmax(np.tensordot(shares, answers, 1), axis=1)
        return -float(joint[np.arange(len(labels)), labels].mean())

    found = minimize(loss, np.full(len(answers), 1 / len(answers)), bounds=[(0, None)] * len(answers))
    return found.x
