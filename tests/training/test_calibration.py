"""Calibration finds what was done to logits on purpose."""

import numpy as np
import pytest
from scipy.special import softmax

from training import calibration
from training.calibration import Calibration


def drawn(random: np.random.Generator, scale: float = 1.5) -> tuple[np.ndarray, np.ndarray]:
    """Logits (5000, 7), and labels as likely as their softmax says."""
    logits = random.normal(0, scale, (5000, 7))
    shares = softmax(logits, axis=1)
    return logits, (shares.cumsum(1) > random.random((5000, 1))).argmax(1)


def test_temperature_undoes_overconfidence() -> None:
    logits, labels = drawn(np.random.default_rng(0))
    assert calibration.fit_temperature(logits, labels) == pytest.approx(1, abs=0.05)
    assert calibration.fit_temperature(logits * 3, labels) == pytest.approx(3, abs=0.15)


def test_temperature_of_answers_that_are_all_right_is_bounded() -> None:
    logits = 5 * np.eye(3)
    assert calibration.fit_temperature(logits, np.arange(3)) == pytest.approx(0.5, abs=1e-3)


def test_a_class_that_is_answered_too_rarely_is_raised() -> None:
    logits, labels = drawn(np.random.default_rng(1), scale=4)
    # As training on few faces of a class leaves it.
    shy = logits - 1.6 * (np.arange(7) == 2)
    offsets = calibration.fit_offsets(shy, labels)
    assert np.flatnonzero(offsets).tolist() == [2]
    mine = labels == 2
    before, after = ((shy + add).argmax(1)[mine] == 2 for add in (np.zeros(7), offsets))
    least = calibration.LEAST_RECALL + calibration.MARGIN * 0.5 / np.sqrt(mine.sum())
    assert before.mean() < calibration.LEAST_RECALL
    assert least <= after.mean() < least + 0.02


def test_classes_that_are_recalled_well_stay() -> None:
    logits, labels = drawn(np.random.default_rng(2), scale=6)
    np.testing.assert_array_equal(calibration.fit_offsets(logits, labels), np.zeros(7))


def test_what_was_not_learned_is_left_at_the_limit() -> None:
    random = np.random.default_rng(3)
    offsets = calibration.fit_offsets(random.normal(0, 3, (1000, 4)), np.full(1000, 1))
    assert offsets.tolist() == [0, calibration.MAX_OFFSET, 0, 0]


def test_both_are_applied_in_order() -> None:
    fitted = Calibration((0.0, 1.0), 2.0)
    np.testing.assert_allclose(fitted.apply(np.array([[3.0, 0.0]])), softmax([[1.5, 0.5]], axis=1))
    logits, labels = drawn(np.random.default_rng(4))
    both = Calibration.fit(logits, labels)
    assert both.temperature == calibration.fit_temperature(logits + both.offsets, labels)
