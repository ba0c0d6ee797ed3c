"""What the network is trained towards."""

import numpy as np
from scipy.special import softmax

from tests.training.csv_files import votes_of
from training.learning import targets


def test_smoothing_by_hand() -> None:
    np.testing.assert_allclose(
        targets.smooth(np.array([1, 0]), 4, 0.2), [[0.05, 0.85, 0.05, 0.05], [0.85, 0.05, 0.05, 0.05]]
    )
    assert targets.smooth(np.array([1]), 4, 0.2).dtype == np.float32


def test_votes_become_the_labels_they_go_with() -> None:
    votes = np.array([votes_of(happiness=10), votes_of(sadness=8, fear=2), votes_of(contempt=10)] * 20, np.float32)
    labels = np.array([3, 4, 6] * 20)
    found = targets.read_votes(votes, targets.fit_votes(votes, labels), 7)
    np.testing.assert_allclose(found.sum(1), 1, atol=1e-6)
    np.testing.assert_array_equal(found.argmax(1), labels)
    # Labels that no face has are possible, but only just: their logarithm stays finite.
    assert 0 < found[:, [0, 1, 2, 5]].max() < 1e-6


def test_votes_that_go_with_several_labels_give_their_frequencies() -> None:
    random = np.random.default_rng(0)
    kinds = random.integers(0, 2, 4000)
    votes = np.array([votes_of(happiness=10), votes_of(sadness=10)], np.float32)[kinds]
    labels = np.where(random.random(4000) < np.array([0.9, 0.3])[kinds], 3, 4)
    found = targets.read_votes(votes, targets.fit_votes(votes, labels), 7)
    for kind in (0, 1):
        happy = (labels[kinds == kind] == 3).mean()
        np.testing.assert_allclose(found[kinds == kind][:, 3], happy, atol=5e-3)


def test_no_other_weights_are_likelier() -> None:
    """Against gradient descent on the same inputs, which this fit replaced."""
    random = np.random.default_rng(1)
    votes = random.multinomial(10, random.dirichlet(np.ones(10)), 600).astype(np.float32)
    labels = np.where(random.random(600) < 0.7, votes[:, :7].argmax(1), random.integers(0, 7, 600))
    found = targets.read_votes(votes, targets.fit_votes(votes, labels), 7)
    kept = np.where(votes > 1, votes, 0)
    shares = kept / np.maximum(kept.sum(1, keepdims=True), 1)
    inputs = np.concatenate([shares, shares**2, np.ones((600, 1))], axis=1)
    weights, velocity = np.zeros((21, 7)), np.zeros((21, 7))
    for _ in range(500):
        velocity = 0.9 * velocity - 2.0 * inputs.T @ (softmax(inputs @ weights, axis=1) - np.eye(7)[labels]) / 600
        weights += velocity
    rows = np.arange(600)
    descended = softmax(inputs @ weights, axis=1)
    assert np.log(found[rows, labels]).mean() >= np.log(descended[rows, labels]).mean() - 1e-3


def test_single_votes_count_only_where_there_is_nothing_else() -> None:
    votes = np.array([votes_of(happiness=9, fear=1), votes_of(happiness=9), votes_of(fear=1)] * 20, np.float32)
    found = targets.read_votes(votes, targets.fit_votes(votes, np.array([3, 3, 2] * 20)), 7)
    np.testing.assert_array_equal(found[0], found[1])
    assert found[2].argmax() == 2
