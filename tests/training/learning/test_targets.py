"""What the network is asked to answer."""

import numpy as np

from training.data.votes import VOTE_COLUMNS
from training.learning import targets


def test_smoothing_by_hand() -> None:
    np.testing.assert_allclose(
        targets.smooth(np.array([1, 0]), 4, 0.2), [[0.05, 0.85, 0.05, 0.05], [0.85, 0.05, 0.05, 0.05]]
    )
    assert targets.smooth(np.array([1]), 4, 0.2).dtype == np.float32


def votes_of(**counts: int) -> list[int]:
    return [counts.get(name, 0) for name in VOTE_COLUMNS]


def test_votes_become_the_labels_they_go_with() -> None:
    votes = np.array([votes_of(happiness=10), votes_of(sadness=8, fear=2), votes_of(contempt=10)] * 20, np.float32)
    labels = np.array([3, 4, 6] * 20)
    taught = targets.read_votes(votes, targets.fit_votes(votes, labels, 7))
    np.testing.assert_allclose(taught.sum(1), 1, atol=1e-6)
    np.testing.assert_array_equal(taught.argmax(1), labels)


def test_single_votes_count_only_where_there_is_nothing_else() -> None:
    votes = np.array([votes_of(happiness=9, fear=1), votes_of(happiness=9), votes_of(fear=1)] * 20, np.float32)
    taught = targets.read_votes(votes, targets.fit_votes(votes, np.array([3, 3, 2] * 20), 7))
    np.testing.assert_array_equal(taught[0], taught[1])
    assert taught[2].argmax() == 2
