"""From logits to probabilities that can be taken at their word; everything here is fitted on PublicTest."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

LEAST_RECALL = 0.5
# More standard errors, or larger offsets, make rare labels too likely for faces of other classes. Cross-validated on
# PublicTest with run 6 and three means of runs, cross-entropy is 0.001 to 0.002 lower and calibration error 0.1
# to 0.2 points lower with offsets up to 0.3 than up to 0.5; up to 1.0 and with 1.8 errors, both are higher yet.
MARGIN = 1.0
OFFSET_STEP = 0.02
MAX_OFFSET = 0.3
# How far, before faces are seen, the logarithms of two classes' temperatures are believed to lie apart. Cross-validated
# on PublicTest, with the runs 3, 4 and 6, cross-entropy is 0.001 to 0.002 lower so than with one temperature, and the
# same within 0.0005 with half the width and with one and a half times it.
SPREAD = 1 / 6
LEAST_TEMPERATURE, MOST_TEMPERATURE = 0.5, 20.0


@dataclass(frozen=True)
class Calibration:
    """Which class leads, and how sure to be of it; `offsets` and `temperatures` have one value for each class.

    Probabilities are softmax(z / t) with z = logits + offsets and t = exp(softmax(z) . log(temperatures)), so an
    answer takes the temperature of the classes that it is about, and the order of the classes in z stays.
    """

    offsets: tuple[float, ...]
    temperatures: tuple[float, ...]

    @classmethod
    def fit(cls, logits: np.ndarray, labels: np.ndarray) -> "Calibration":
        """Of logits (n, classes) and labels (n,): which class leads first, then how sure to be of it."""
        offsets = fit_offsets(logits, labels)
        return cls(tuple(offsets.tolist()), tuple(fit_temperatures(logits + offsets, labels).tolist()))

    @property
    def temperature(self) -> float:
        """That of an answer which takes all classes to be as likely: the geometric mean."""
        return float(np.exp(np.log(self.temperatures).mean()))

    def apply(self, logits: np.ndarray) -> np.ndarray:
        """Probabilities (n, classes) of logits (n, classes)."""
        raised = logits + np.array(self.offsets)
        return softmax(raised / np.exp(softmax(raised, axis=1) @ np.log(self.temperatures))[:, None], axis=1)


def fit_offsets(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """What to add to each class's logit, float64 (classes,), so that no class is answered too rarely.

    Training weighs classes by their frequency, so rare ones and those that resemble others are answered rarely
    (logit adjustment, Menon et al. 2021). The class that falls shortest is raised, a little at a time, until each
    is recalled by LEAST_RECALL and MARGIN standard errors, for other faces than these. A class that needs more than
    MAX_OFFSET is left there: offsets cannot teach what the network has not learned.
    """
    counts = np.bincount(labels, minlength=logits.shape[1])
    # A class without faces asks for nothing.
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
    """The likeliest temperatures, float64 (classes,), after Guo et al. 2017, who have one for all classes.

    One is not enough where classes were raised: a fear that is only just answered is less often fear than a happiness
    that looks as sure is happiness. A normal belief of width SPREAD holds those together that few faces speak of, and
    LEAST_TEMPERATURE is for a few held-out pictures that are all answered rightly: the likeliest temperature is 0
    then, which makes every answer certain and magnifies rounding.
    """
    faces = np.arange(len(labels))
    shares = softmax(logits, axis=1)

    def loss(logs: np.ndarray) -> tuple[float, np.ndarray]:
        """Mean negative log likelihood and belief, and their gradient."""
        scaled = logits * np.exp(-shares @ logs)[:, None]
        likely = log_softmax(scaled, axis=1)
        apart = logs - logs.mean()
        belief = 1 / (SPREAD**2 * len(labels))
        # d/dt of -log softmax(z / e^t) at the label: what its z lies above the mean z of the answer.
        above = scaled[faces, labels] - (np.exp(likely) * scaled).sum(1)
        return (
            float(-likely[faces, labels].mean() + belief * (apart**2).sum() / 2),
            (shares * above[:, None]).mean(0) + belief * apart,
        )

    bounds = [(math.log(LEAST_TEMPERATURE), math.log(MOST_TEMPERATURE))] * logits.shape[1]
    return np.exp(minimize(loss, np.zeros(logits.shape[1]), jac=True, bounds=bounds, method="L-BFGS-B").x)
