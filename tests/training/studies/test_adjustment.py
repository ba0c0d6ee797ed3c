"""Another decision is worth it only where it gains on faces that did not choose it."""

import numpy as np
import pytest

from training.studies import adjustment

# A class with nine tenths of the train faces.
TRAIN = np.repeat([0, 1], [900, 100])


def test_the_adjusted_decision_divides_by_a_power_of_the_shares() -> None:
    probabilities = np.array([[0.8, 0.2], [0.95, 0.05]])
    shares = np.array([0.9, 0.1])
    assert adjustment.decide(probabilities, shares, 0.0).tolist() == [0, 0]
    # 0.8 / 0.9 against 0.2 / 0.1; 0.95 / 0.9 against 0.05 / 0.1.
    assert adjustment.decide(probabilities, shares, 1.0).tolist() == [1, 0]


def test_it_pays_where_a_rare_class_is_answered_too_rarely() -> None:
    """The network is sure of frequent faces; of rare ones it is not, but says so less than it should."""
    labels = np.repeat([0, 1], [200, 100])
    likely = np.where(labels == 0, 0.99, np.where(np.arange(300) % 2, 0.3, 0.6))
    found = adjustment.measure(np.stack([likely, 1 - likely], 1), labels, TRAIN)
    assert found["plain"]["accuracy"] == pytest.approx(250 / 300)
    assert found["adjusted"] == {"accuracy": 1, "macro_f1": 1}
    assert found["gain"] == 1 - found["plain"]["macro_f1"]
    assert found["pays"] is True


def test_it_does_not_pay_where_every_strength_costs_accuracy() -> None:
    labels = np.repeat([0, 1], [200, 10])
    likely = np.full(210, 0.6)
    found = adjustment.measure(np.stack([likely, 1 - likely], 1), labels, TRAIN)
    assert found["strengths"] == [0.0] * adjustment.FOLDS
    assert found["gain"] == 0
    assert found["pays"] is False


def test_classes_of_a_few_faces_are_allowed() -> None:
    labels = np.array([0] * 8 + [1] * 2)
    found = adjustment.measure(np.eye(2)[labels], labels, TRAIN)
    assert found["plain"]["accuracy"] == 1
