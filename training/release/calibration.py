"""From logits to calibrated probabilities; everything is fitted on the validation split.

The constants were chosen by cross-validation on FER-2013's validation split, with runs 3, 4 and 6 and means of runs
(EXPERIMENTS.md numbers the runs).
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize, minimize_scalar
from scipy.special import log_softmax, softmax

LEAST_RECALL = 0.5
# In standard errors. With a larger margin or larger offsets, rare labels become too likely for faces of other classes:
# with offsets up to 0.3 instead of 0.5, cross-entropy is 0.001 to 0.002 lower and calibration error 0.1 to 0.2 points;
# with offsets up to 1.0 and a margin of 1.8, both are higher still.
MARGIN = 1.0
OFFSET_STEP = 0.02
MAX_OFFSET = 0.3
# Standard deviation of the prior on a class's log temperature around the mean of all classes. With it cross-entropy is
# 0.001 to 0.002 lower than with one temperature; half or one and a half times the width changes it by under 0.0005.
PRIOR_WIDTH = 1 / 6
LEAST_TEMPERATURE, MOST_TEMPERATURE = 0.5, 20.0


@dataclass(frozen=True)
class Calibration:
    """Maps logits to probabilities; `offsets` and `temperatures` have one value for each class.

    Probabilities are softmax(z / t) with z = logits + offsets and t = exp(softmax(z) . log(temperatures)). So each
    answer has the temperature of its likely classes, and the order of the classes in z is kept.
    """

    offsets: tuple[float, ...]
    temperatures: tuple[float, ...]

    @classmethod
    def fit(cls, logits: np.ndarray, labels: np.ndarray) -> "Calibration":
        """Fit to logits (n, classes) and labels (n,): the offsets first, then the temperatures."""
        offsets = fit_offsets(logits, labels)
        return cls(tuple(offsets.tolist()), tuple(fit_temperatures(logits + offsets, labels).tolist()))

    @classmethod
    def fit_shares(cls, logits: np.ndarray, shares: np.ndarray) -> "Calibration":
        """Fit one temperature to logits and shares of votes (n, classes). Rows of zeros are left out."""
        classes = logits.shape[1]

        def loss(log_temperature: float) -> float:
            return -float((shares * log_softmax(logits * math.exp(-log_temperature), axis=1)).sum())

        bounds = (math.log(LEAST_TEMPERATURE), math.log(MOST_TEMPERATURE))
        temperature = math.exp(minimize_scalar(loss, bounds=bounds, method="bounded").x)
        return cls((0.0,) * classes, (temperature,) * classes)

    @property
    def temperature(self) -> float:
        """The geometric mean of the temperatures: that of an answer with equal probabilities."""
        return float(np.exp(np.log(self.temperatures).mean()))

    def apply(self, logits: np.ndarray) -> np.ndarray:
        """Probabilities float64 (n, classes) of logits (n, classes)."""
        raised = logits + np.array(self.offsets)
        return softmax(raised / np.exp(softmax(raised, axis=1) @ np.log(self.temperatures))[:, None], axis=1)


def fit_offsets(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """What to add to each class's logit, float64 (classes,), so that the recall of every class is high enough.

    A network that is trained on frequencies answers rare classes, and those that look like others, too rarely (logit
    adjustment, Menon et al. 2021). The class with the largest shortfall is raised by OFFSET_STEP, until each has a
    recall of LEAST_RECALL and MARGIN standard errors, which allow for other faces than these. A class that needs more
    than MAX_OFFSET stays there: offsets cannot replace what the network has not learned.
    """
    counts = np.bincount(labels, minlength=logits.shape[1])
    # A class without faces needs no offset.
    wanted = np.where(counts > 0, LEAST_RECALL + MARGIN * 0.5 / np.sqrt(np.maximum(counts, 1)), 0)
    offsets = np.zeros(logits.shape[1])
    steps = math.floor(MAX_OFFSET / OFFSET_STEP + 0.5)
    raised = np.zeros(logits.shape[1], int)
    while True:
        right = (logits + offsets).argmax(1) == labels
        short = wanted - np.bincount(labels[right], minlength=len(counts)) / np.maximum(counts, 1)
        short[raised >= steps] = 0
        worst = int(short.argmax())
        if short[worst] <= 0:
            return offsets
        raised[worst] += 1
        offsets[worst] = raised[worst] * OFFSET_STEP


def fit_temperatures(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The temperatures with the largest posterior, float64 (classes,), for logits (n, classes) and labels (n,).

    Guo et al. 2017 use one temperature for all classes. That is not enough where classes were raised: of the faces
    answered "fear" with some probability fewer are right than of those answered "happy" with the same. A normal prior
    of PRIOR_WIDTH keeps classes with few faces near the others. LEAST_TEMPERATURE matters where a few validation faces
    are all answered correctly: the likeliest temperature is then 0, which makes every answer certain.
    """
    faces = np.arange(len(labels))
    shares = softmax(logits, axis=1)

    def loss(logs: np.ndarray) -> tuple[float, np.ndarray]:
        """Mean negative log posterior, and its gradient."""
        scaled = logits * np.exp(-shares @ logs)[:, None]
        likely = log_softmax(scaled, axis=1)
        apart = logs - logs.mean()
        prior = 1 / (PRIOR_WIDTH**2 * len(labels))
        # Derivative of -log softmax(z / e^t) at the label: its z less the mean z of the answer.
        above = scaled[faces, labels] - (np.exp(likely) * scaled).sum(1)
        return (
            float(-likely[faces, labels].mean() + prior * (apart**2).sum() / 2),
            (shares * above[:, None]).mean(0) + prior * apart,
        )

    bounds = [(math.log(LEAST_TEMPERATURE), math.log(MOST_TEMPERATURE))] * logits.shape[1]
    return np.exp(minimize(loss, np.zeros(logits.shape[1]), jac=True, bounds=bounds, method="L-BFGS-B").x)
