"""Soft targets from voters and earlier networks."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from training.data.dataset import Dataset
from training.data.votes import VOTE_COLUMNS
from training.learning import teacher

VOTERS = {0: "anger", 1: "disgust", 2: "fear", 3: "happiness", 4: "sadness", 5: "surprise", 6: "neutral"}


def votes_for(labels: np.ndarray) -> np.ndarray:
    votes = np.zeros((len(labels), 10), np.float32)
    votes[np.arange(len(labels)), [VOTE_COLUMNS.index(VOTERS[label]) for label in labels]] = 10
    return votes


def test_no_experts_give_no_soft_targets(data: Dataset) -> None:
    assert teacher.soft_targets(data, [], None) is None


def test_voters_and_network_answer_together(data: Dataset, run: Path) -> None:
    votes = {name: votes_for(split.labels) for name, split in data.splits().items()}
    soft = teacher.soft_targets(data, [run], votes)
    assert soft is not None
    assert soft.targets.shape == (len(data.train), 7)
    np.testing.assert_allclose(soft.targets.sum(1), 1, rtol=1e-5)
    np.testing.assert_array_equal(soft.targets.argmax(1), data.train.labels)
    assert soft.source.startswith("FER+ votes (weight ")
    assert ", network " in soft.source


def test_an_expert_who_knows_nothing_has_almost_no_weight(data: Dataset) -> None:
    labels = data.validation.labels
    knows = np.log(np.eye(7)[labels] * 0.9 + 0.1 / 7)
    noise = np.log(np.random.default_rng(0).dirichlet(np.ones(7), len(labels)))
    knowing, ignorant = teacher.fit_expert_weights(np.stack([knows, noise]), labels)
    assert knowing > 1
    assert ignorant < 0.1 * knowing


def test_a_teacher_of_other_data_is_refused(data: Dataset, run: Path) -> None:
    with pytest.raises(ValueError, match="was trained on other data"):
        teacher.soft_targets(replace(data, sha256="other"), [run], None)
