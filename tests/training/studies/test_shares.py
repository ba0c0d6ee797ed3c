"""How well shares of votes are predicted, worked out by hand."""

import json

import numpy as np
import pytest

from tests.training.csv_files import votes_of
from training.data.dataset import LABELS
from training.release import metrics
from training.studies import shares

HAPPY, SAD = LABELS.index("happy"), LABELS.index("sad")


def row(**values: float) -> np.ndarray:
    return np.array([values.get(label, 0.0) for label in LABELS])


VOTES = np.array(
    [
        votes_of(happiness=10),
        votes_of(neutral=8, sadness=2),
        votes_of(happiness=5, contempt=5),
        votes_of(unknown=10),
    ],
    np.float32,
)
TRUTH = np.array([HAPPY, SAD, HAPPY, SAD])
PREDICTED = np.stack([row(happy=1), row(neutral=0.6, sad=0.4), row(happy=0.5, sad=0.5), row(sad=1)])
PROBABILITIES = np.stack([row(happy=1), row(sad=1), row(sad=1), row(sad=1)])


@pytest.fixture
def found() -> dict:
    return shares.measure(VOTES, TRUTH, PREDICTED, PROBABILITIES)


def test_faces_without_votes_for_the_labels_are_left_out(found: dict) -> None:
    assert found["faces"] == 3
    json.dumps(found, allow_nan=False)


def test_an_error_is_the_share_of_votes_on_another_label(found: dict) -> None:
    # 0, 2 of 10 and 5 of 10; votes for contempt do not count.
    assert found["error"] == pytest.approx((0 + 0.2 + 0.5) / 3)
    assert found["error_of_probabilities"] == pytest.approx((0 + 0.8 + 1) / 3)


def test_agreement_is_with_the_majority_of_all_ten(found: dict) -> None:
    # The third face has a tie, the fourth no majority among the labels.
    assert found["answer_is_majority"]["faces"] == found["answer_is_majority_where_clear"]["faces"] == 2
    assert found["answer_is_majority"]["share"] == 1
    assert found["answer_is_label"]["share"] == pytest.approx(0.75)


def test_voters_who_agree_differ_from_no_others() -> None:
    assert shares.error_of_voters(np.array([[10, 0], [0, 7]])) == 0


def test_how_far_ten_others_would_differ_is_found_from_halves() -> None:
    random = np.random.default_rng(1)
    likely = random.dirichlet([1.0] * 7, 4000)
    one, other = (np.stack([random.multinomial(10, face) for face in likely]) for _ in range(2))
    found, wanted = shares.error_of_voters(one), shares.error(other / 10, one)
    assert 0.92 * wanted < found < 0.96 * wanted


def test_shares_are_calibrated_where_each_bin_is_right() -> None:
    wanted = np.array([[1.0, 0.0], [0.0, 1.0]] * 5)
    assert metrics.share_calibration_error(np.full((10, 2), 0.5), wanted) == pytest.approx(0)
    assert metrics.share_calibration_error(wanted, wanted) == 0
    # Of every face, 0.4 too much for one label and 0.4 too little for the other.
    assert metrics.share_calibration_error(np.tile([0.9, 0.1], (10, 1)), wanted) == pytest.approx(0.8)
