"""Out-of-fold answers: for every train face, the answer of a network that was not trained on it.

A network answers for a face that it has memorised with its label, whether the label is right or not, so it is no
teacher for another network (run 7 in EXPERIMENTS.md). Here the train faces are split into folds, a network is trained
on all folds but one, and it answers for the fold that was left out (Dao et al. 2021). The networks of all folds
continue from the same weights, the trunk. If the trunk has memorised faces, their labels leak into the answers:
`Folds.figures` compares them with the answers for the validation faces, which neither was trained on.

Copies of one photo are in one fold, for the same reason.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.special import log_softmax
from sklearn.model_selection import StratifiedGroupKFold

from training.data import duplicates
from training.data.dataset import Dataset, Split
from training.data.duplicates import Pairs
from training.learning import checkpoints, network, votes
from training.learning.predict import predict_heads
from training.learning.recipe import Recipe
from training.learning.train import Trainer
from training.learning.votes import VoteShares

COUNT = 5
ASSIGNMENT = "assignment.npz"
ANSWERS = "answers.npz"


@dataclass(frozen=True)
class Folds:
    """Log probabilities float32 (n, classes) of the train faces, each by the network of the fold without it.

    `votes` are those of the votes head, None without one. `fold` (n,) is the fold of each face, from 0. `source` names
    the networks. `figures` are plain values for JSON.
    """

    labels: np.ndarray
    votes: np.ndarray | None
    fold: np.ndarray
    source: str
    figures: dict


# --- assignment ----------------------------------------------------------------------------------


def assign(labels: np.ndarray, pairs: Pairs, seed: int, count: int = COUNT) -> np.ndarray:
    """The fold (n,) of each face, from 0: classes in the same shares in each, copies of a photo together."""
    links = coo_array((np.ones(len(pairs)), (pairs.first, pairs.second)), shape=(len(labels), len(labels)))
    _, photos = connected_components(links, directed=False)
    folds = np.zeros(len(labels), np.int64)
    splitter = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
    for number, (_, left_out) in enumerate(splitter.split(labels, labels, photos)):
        folds[left_out] = number
    return folds


def without(data: Dataset, folds: np.ndarray, number: int) -> Dataset:
    """A data set whose train split is without a fold, and whose validation split is that fold."""
    split = data.train
    kept, left_out = folds != number, folds == number
    digest = hashlib.sha256(f"{data.sha256} without fold {number} of ".encode() + folds.tobytes())
    return replace(
        data,
        train=Split(split.faces[kept], split.labels[kept]),
        validation=Split(split.faces[left_out], split.labels[left_out]),
        sha256=digest.hexdigest(),
    )


def _assignment(folder: Path, data: Dataset, seed: int) -> np.ndarray:
    """The folds of `folder`, assigned at first use. Raises ValueError for other data or another seed."""
    path = folder / ASSIGNMENT
    if not path.exists():
        folds = assign(data.train.labels, duplicates.find_among(data.train.faces), seed)
        checkpoints.write_checkpoint(path, {"data_sha256": data.sha256, "seed": seed}, {"folds": folds})
    metadata, arrays = checkpoints.read_checkpoint(path)
    if (metadata["data_sha256"], metadata["seed"]) != (data.sha256, seed):
        raise ValueError(f"{path} is of other data or another seed; name another --run.")
    return arrays["folds"]


# --- training ----------------------------------------------------------------------------------


def train_all(
    folder: Path, data: Dataset, recipe: Recipe, trunk: Path | None, voted: VoteShares | None, *, compiled: bool = True
) -> Folds:
    """Train a network for each fold, starting with the weights of the run `trunk`, and write their answers to `folder`.

    Finished folds are not trained again, and an interrupted one continues from its checkpoint, so calling this again
    with the same arguments resumes. Raises ValueError where the folder holds other data or another recipe, and
    Interrupted at Ctrl-C.
    """
    folder.mkdir(parents=True, exist_ok=True)
    folds = _assignment(folder, data, recipe.seed)
    for number in range(COUNT):
        run = _run(folder, number)
        part = without(data, folds, number)
        trainer = Trainer(recipe, part, None, _votes_without(voted, folds, number), compiled=compiled)
        if (run / checkpoints.CHECKPOINT).exists():
            trainer.restore(run)
        elif trunk is not None:
            trainer.start_from(trunk)
        trainer.run(run)
    return answer(folder, data, folds, voted)


def _run(folder: Path, number: int) -> Path:
    return folder / f"fold{number + 1}"


def _votes_without(voted: VoteShares | None, folds: np.ndarray, number: int) -> VoteShares | None:
    if voted is None:
        return None
    return VoteShares(voted.train[folds != number], voted.train[folds == number], voted.source)


# --- answers -----------------------------------------------------------------------------------


def answer(folder: Path, data: Dataset, folds: np.ndarray, voted: VoteShares | None) -> Folds:
    """Write the answers of each fold's network for the faces that it was not trained on, and their figures."""
    found: dict[str, np.ndarray] = {}
    names, on_validation = [], []
    for number in range(COUNT):
        model, _, _ = checkpoints.load_kept(_run(folder, number), oriented=False)
        names.append(checkpoints.fingerprint(value.numpy() for value in model.variables))
        left_out = folds == number
        for name, answers in _both_sides(model, data.train.faces[left_out]).items():
            found.setdefault(name, np.zeros((len(folds), answers.shape[1]), np.float32))[left_out] = answers
        on_validation.append(
            _right_and_losses(_both_sides(model, data.validation.faces)[network.LABELS], data.validation)
        )
    figures = _figures(found, data, folds, voted, on_validation)
    metadata = {"data_sha256": data.sha256, "source": f"out of fold, networks {' '.join(names)}", "figures": figures}
    checkpoints.write_checkpoint(folder / ANSWERS, metadata, found | {"fold": folds})
    return read(folder, data)


def read(folder: Path, data: Dataset) -> Folds:
    """Read what `answer` wrote. Raises ValueError for other data, FileNotFoundError without a file."""
    path = folder / ANSWERS
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist; `python -m training folds` writes it.")
    metadata, arrays = checkpoints.read_checkpoint(path)
    checkpoints.check_data(path, metadata, data)
    return Folds(
        arrays[network.LABELS], arrays.get(network.VOTES), arrays["fold"], metadata["source"], metadata["figures"]
    )


def _both_sides(model: keras.Model, faces: np.ndarray) -> dict[str, np.ndarray]:
    """Log probabilities of each head, from the mean of the logits of faces and of their mirror images."""
    one, other = (predict_heads(model, side) for side in (faces, faces[:, :, ::-1]))
    return {head: log_softmax((one[head] + other[head]) / 2, axis=1) for head in one}


def _right_and_losses(answers: np.ndarray, split: Split) -> tuple[np.ndarray, np.ndarray]:
    return answers.argmax(1) == split.labels, -answers[np.arange(len(split)), split.labels]


def _figures(
    found: dict[str, np.ndarray],
    data: Dataset,
    folds: np.ndarray,
    voted: VoteShares | None,
    on_validation: Iterable[tuple[np.ndarray, np.ndarray]],
) -> dict:
    """Accuracy and cross-entropy in nats with standard errors, and those on the validation split."""
    right, losses = _right_and_losses(found[network.LABELS], data.train)
    others = [np.concatenate(values) for values in zip(*on_validation, strict=True)]
    figures = {
        "faces": len(right),
        **_mean("accuracy", right),
        **_mean("cross_entropy", losses),
        "accuracy_by_fold": [float(right[folds == number].mean()) for number in range(COUNT)],
        # Of faces that neither these networks nor the trunk were trained on. If these are worse, labels leak.
        "validation_accuracy": float(others[0].mean()),
        "validation_cross_entropy": float(others[1].mean()),
    }
    if voted is not None and network.VOTES in found:
        loss, agreement = votes.agreement(voted.train, found[network.VOTES])
        figures |= {"votes_cross_entropy": loss, "votes_agreement": agreement}
    return figures


def _mean(name: str, values: np.ndarray) -> dict[str, float]:
    return {name: float(values.mean()), f"{name}_se": float(values.std() / np.sqrt(len(values)))}


def summary(folds: Folds) -> str:
    """The figures for the terminal."""
    return json.dumps(folds.figures, indent=1)
