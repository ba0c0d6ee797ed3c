"""Calibration finds what was done to logits on purpose."""

import numpy as np
import pytest
from scipy.special import softmax

from training.release import calibration
from training.release.calibration import Calibration


def drawn(random: np.random.Generator, scale: float = 1.5) -> tuple[np.ndarray, np.ndarray]:
    """Logits (5000, 7), and labels as likely as their softmax says."""
    logits = random.normal(0, scale, (5000, 7))
    shares = softmax(logits, axis=1)
    return logits, (shares.cumsum(1) > random.random((5000, 1))).argmax(1)


def test_temperatures_undo_overconfidence() -> None:
    logits, labels = drawn(np.random.default_rng(0))
    np.testing.assert_allclose(calibration.fit_temperatures(logits, labels), 1, atol=0.1)
    np.testing.assert_allclose(calibration.fit_temperatures(logits * 3, labels), 3, atol=0.3)


def test_a_class_that_is_less_sure_than_it_looks_is_hotter() -> None:
    truth = Calibration((0.0,) * 7, (1.0, 1.0, 2.0, 1.0, 1.0, 0.6, 1.0))
    random = np.random.default_rng(1)
    logits = random.normal(0, 3, (20000, 7))
    labels = (truth.apply(logits).cumsum(1) > random.random((20000, 1))).argmax(1)
    np.testing.assert_allclose(calibration.fit_temperatures(logits, labels), truth.temperatures, rtol=0.1)


def test_a_class_that_is_never_answered_goes_with_the_others() -> None:
    logits, labels = drawn(np.random.default_rng(2))
    shown = labels != 6
    never = 3 * logits[shown] - 60 * (np.arange(7) == 6)
    np.testing.assert_allclose(calibration.fit_temperatures(never, labels[shown]), 3, atol=0.4)


def test_temperature_of_answers_that_are_all_right_is_bounded() -> None:
    found = calibration.fit_temperatures(5 * np.eye(3), np.arange(3))
    np.testing.assert_allclose(found, calibration.LEAST_TEMPERATURE, atol=1e-3)


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
    fitted = Calibration((0.0, 1.0), (2.0, 2.0))
    np.testing.assert_allclose(fitted.apply(np.array([[3.0, 0.0]])), softmax([[1.5, 0.5]], axis=1))
    logits, labels = drawn(np.random.default_rng(4))
    both = Calibration.fit(logits, labels)
    assert both.temperatures == tuple(calibration.fit_temperatures(logits + both.offsets, labels))


def test_the_leading_class_stays() -> None:
    logits, _ = drawn(np.random.default_rng(5), scale=4)
    uneven = Calibration((0.0,) * 7, (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 20.0))
    np.testing.assert_array_equal(uneven.apply(logits).argmax(1), logits.argmax(1))
    assert uneven.temperature == pytest.approx(np.prod(uneven.temperatures) ** (1 / 7))
