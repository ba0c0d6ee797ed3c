"""Figures of merit, worked out by hand."""

import math

import numpy as np
import pytest

from training.release import metrics

# Three classes; answers 0, 1, 1, 2.
PROBABILITIES = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.3, 0.6, 0.1], [0.1, 0.1, 0.8]])
LABELS = np.array([0, 1, 0, 2])


def test_measure() -> None:
    found = metrics.measure(PROBABILITIES, LABELS, ("a", "b", "c"))
    assert found["faces"] == 4
    assert found["accuracy"] == 0.75
    assert found["recall"] == {"a": 0.5, "b": 1.0, "c": 1.0}
    assert found["precision"] == {"a": 1.0, "b": 0.5, "c": 1.0}
    assert found["macro_f1"] == pytest.approx((2 / 3 + 2 / 3 + 1) / 3)
    assert found["confusion"] == [[1, 1, 0], [0, 1, 0], [0, 0, 1]]
    assert found["nll"] == pytest.approx(-(math.log(0.8) + math.log(0.7) + math.log(0.3) + math.log(0.8)) / 4)


def test_a_class_that_is_never_seen_or_answered_is_zero_and_no_warning() -> None:
    found = metrics.measure(PROBABILITIES[:2], LABELS[:2], ("a", "b", "c"))
    assert found["recall"]["c"] == 0
    assert found["precision"]["c"] == 0


def test_calibration_error() -> None:
    # Confidences 0.8, 0.7, 0.6, 0.8; right, right, wrong, right. In five bins: {0.7, 0.6} and {0.8, 0.8}.
    assert metrics.calibration_error(PROBABILITIES, LABELS, bins=5) == pytest.approx(
        0.5 * abs(1 / 2 - 1.3 / 2) + 0.5 * abs(1 - 0.8)
    )
    sure = np.eye(3)[[0, 1, 2, 2]]
    assert metrics.calibration_error(sure, np.array([0, 1, 2, 2])) == 0
    assert metrics.calibration_error(sure, np.array([0, 1, 2, 0])) == 0.25


def test_calibration_error_by_chance() -> None:
    # One bin: the share of right answers is normally distributed around the confidence.
    deviation = (0.6 * 0.4 / 2500) ** 0.5
    found = metrics.calibration_error_by_chance(np.tile([0.6, 0.4], (2500, 1)))
    assert found["mean"] == pytest.approx((2 / np.pi) ** 0.5 * deviation, rel=0.1)
    assert found["p95"] == pytest.approx(1.96 * deviation, rel=0.1)
    # Who is sure is right each time.
    assert metrics.calibration_error_by_chance(np.eye(3)) == {"mean": 0, "p95": 0}


@pytest.mark.parametrize(("right", "interval"), [(0, (0.0, 0.27753)), (5, (0.23659, 0.76341))])
def test_wilson(right: int, interval: tuple[float, float]) -> None:
    np.testing.assert_allclose(metrics.wilson(right, 10), interval, atol=1e-5)


def test_threshold_is_the_conformal_rank() -> None:
    own = np.linspace(0.1, 0.9, 9)
    probabilities, labels = np.stack([own, 1 - own], axis=1), np.zeros(9, int)
    # ceil(10 x 0.9) = 9th largest of nine; ceil(10 x 0.5) = 5th.
    assert metrics.prediction_set_threshold(probabilities, labels, 0.9) == pytest.approx(0.1)
    assert metrics.prediction_set_threshold(probabilities, labels, 0.5) == pytest.approx(0.5)
    # Eight faces are too few for 90 %: then every label is in the set.
    assert metrics.prediction_set_threshold(probabilities[:8], labels[:8], 0.9) == 0


def test_threshold_covers_new_faces_as_promised() -> None:
    random = np.random.default_rng(0)
    probabilities = random.dirichlet(np.ones(7), 8000)
    labels = (probabilities.cumsum(1) > random.random((8000, 1))).argmax(1)
    threshold = metrics.prediction_set_threshold(probabilities[:4000], labels[:4000], 0.9)
    assert metrics.prediction_sets(probabilities[4000:], labels[4000:], threshold)["coverage"] == pytest.approx(
        0.9, abs=0.015
    )


def test_prediction_sets() -> None:
    assert metrics.prediction_sets(PROBABILITIES, LABELS, 0.3) == {
        "coverage": 1.0,
        "mean_size": 1.25,
        "single": 0.75,
        "accuracy_where_single": 1.0,
    }
    # The answer is always in its set; with no threshold everything is.
    assert metrics.prediction_sets(PROBABILITIES, LABELS, 1.1)["single"] == 1
    assert metrics.prediction_sets(PROBABILITIES, LABELS, 0.0)["accuracy_where_single"] is None
