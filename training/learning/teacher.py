"""Soft targets from the FER+ votes and from networks that were trained before.

The voters saw the face but not the label; a trained network has learned how the data set labels but sees less. Their
product of experts, softmax(sum of weight x log P), is closer to the validation labels than either. A network that
learns it beside the labels learns from targets with less noise (distillation, Hinton et al. 2015, with the votes as
privileged information, Lopez-Paz et al. 2016).
"""

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax
from tqdm import tqdm

from training.data.dataset import Dataset
from training.data.votes import Votes
from training.learning import checkpoints, targets
from training.learning.consistent import ConsistentTeacher
from training.learning.folds import Folds
from training.learning.predict import predict
from training.learning.targets import SoftTargets


def soft_targets(data: Dataset, runs: Sequence[Path], votes: Votes | None) -> SoftTargets | None:
    """The joint answer of the networks of `runs` and of `votes` for the train faces; None without either.

    Each network answers for a face and its mirror image. The weights of the experts minimise the negative log
    likelihood of the validation labels. Raises ValueError for a run that was trained on other data.
    """
    names, train, validation = [], [], []
    classes = len(data.labels)
    if votes is not None:
        model = targets.fit_votes(votes["train"], data.train.labels)
        names.append("FER+ votes")
        train.append(np.log(targets.read_votes(votes["train"], model, classes)))
        validation.append(np.log(targets.read_votes(votes["validation"], model, classes)))
    for run in tqdm(runs, desc="teachers", unit="network", disable=not runs):
        network, _, metadata = checkpoints.load_kept(run, oriented=False)
        checkpoints.check_data(checkpoints.kept(run), metadata, data)
        names.append(f"network {checkpoints.fingerprint(value.numpy() for value in network.variables)}")
        for answers, split in ((train, data.train), (validation, data.validation)):
            both = predict(network, split.faces) + predict(network, split.faces[:, :, ::-1])
            answers.append(log_softmax(both / 2, axis=1))
    if not names:
        return None
    return _join(names, np.stack(train), np.stack(validation), data.validation.labels)


def out_of_fold_targets(data: Dataset, folds: Folds, votes: Votes | None) -> SoftTargets:
    """The joint answer of the folds' networks and of `votes` for the train faces.

    No network was trained on the faces that it answers for, so the weights of the experts are fitted on all of them.
    """
    names, answers = [folds.source], [folds.labels]
    if votes is not None:
        model = targets.fit_votes(votes["train"], data.train.labels)
        names.append("FER+ votes")
        answers.append(np.log(targets.read_votes(votes["train"], model, len(data.labels))))
    return _join(names, np.stack(answers), np.stack(answers), data.train.labels)


def consistent_teacher(data: Dataset, networks: Sequence[keras.Model], votes: Votes | None) -> ConsistentTeacher:
    """A teacher of `networks` as they are served and of `votes`, with weights that are fitted to validation labels."""
    names = [f"network {checkpoints.fingerprint(value.numpy() for value in each.variables)}" for each in networks]
    answers = [log_softmax(predict(each, data.validation.faces), axis=1) for each in networks]
    read = None
    if votes is not None:
        model = targets.fit_votes(votes["train"], data.train.labels)
        read = targets.read_votes(votes["train"], model, len(data.labels))
        names.append("FER+ votes")
        answers.append(np.log(targets.read_votes(votes["validation"], model, len(data.labels))))
    weights = fit_expert_weights(np.stack(answers), data.validation.labels) if len(answers) > 1 else np.ones(1)
    experts = f"{_source(names, weights)}, for the same augmented pictures"
    return ConsistentTeacher(tuple(networks), read, weights, experts)


def _join(names: Sequence[str], answers: np.ndarray, measured: np.ndarray, labels: np.ndarray) -> SoftTargets:
    """Log probabilities (experts, n, classes) as one target, with weights that are fitted to `measured` and labels."""
    weights = fit_expert_weights(measured, labels) if len(names) > 1 else np.ones(1)
    joint = softmax(np.tensordot(weights, answers, 1), axis=1)
    return SoftTargets(joint.astype(np.float32), _source(names, weights))


def _source(names: Sequence[str], weights: np.ndarray) -> str:
    """The experts and their weights (experts,), in words."""
    return ", ".join(f"{name} (weight {weight:.2f})" for name, weight in zip(names, weights, strict=True))


def fit_expert_weights(answers: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Weights (experts,), none below zero, of log probabilities (experts, n, classes) for labels (n,)."""

    def loss(weights: np.ndarray) -> float:
        joint = log_softmax(np.tensordot(weights, answers, 1), axis=1)
        return -float(joint[np.arange(len(labels)), labels].mean())

    found = minimize(loss, np.full(len(answers), 1 / len(answers)), bounds=[(0, None)] * len(answers))
    return found.x
