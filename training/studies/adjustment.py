"""Whether another decision than the likeliest label would be better for rare classes: logit adjustment.

A network that is trained on frequencies prefers frequent classes. Menon et al. 2021 subtract the logarithm of the class
shares, times a strength, from the logits before the decision; the probabilities stay as they are. The strength is
chosen by cross-validation: for each of FOLDS parts the one with the highest macro-F1 on the other parts, of those that
lose no accuracy there. It pays if the decisions that are then made on all parts lose no accuracy and raise macro-F1 by
more than STANDARD_ERRORS standard errors of the difference (paired bootstrap over faces).
"""

import numpy as np
from sklearn.metrics import f1_score

FOLDS = 5
STRENGTHS = tuple(round(0.05 * step, 2) for step in range(21))
SEED = 0
RESAMPLES = 400
STANDARD_ERRORS = 2.0


def measure(probabilities: np.ndarray, labels: np.ndarray, train_labels: np.ndarray) -> dict:
    """Accuracy and macro-F1 of both decisions; plain numbers for JSON.

    Probabilities (n, classes) and labels (n,) of faces that did not teach the network; `train_labels` (m,) give the
    class shares.
    """
    classes = probabilities.shape[1]
    shares = np.maximum(np.bincount(train_labels, minlength=classes), 1) / len(train_labels)
    answers = {strength: decide(probabilities, shares, strength) for strength in STRENGTHS}
    plain = answers[0.0]
    chosen, strengths = plain.copy(), []
    parts = _parts(labels)
    for part in range(FOLDS):
        inside = parts == part
        strength = choose({name: found[~inside] for name, found in answers.items()}, labels[~inside])
        strengths.append(strength)
        chosen[inside] = answers[strength][inside]
    before, after = _figures(plain, labels), _figures(chosen, labels)
    gain, error = after["macro_f1"] - before["macro_f1"], _standard_error(plain, chosen, labels)
    return {
        "strengths": strengths,
        "plain": before,
        "adjusted": after,
        "gain": gain,
        "gain_se": error,
        "pays": after["accuracy"] >= before["accuracy"] and gain > STANDARD_ERRORS * error,
    }


def decide(probabilities: np.ndarray, shares: np.ndarray, strength: float) -> np.ndarray:
    """The adjusted answer (n,) of probabilities (n, classes), with the shares (classes,) of the train labels."""
    return (np.log(np.maximum(probabilities, 1e-12)) - strength * np.log(shares)).argmax(1)


def choose(answers: dict[float, np.ndarray], labels: np.ndarray) -> float:
    """The strength with the highest macro-F1 of those whose accuracy is not below that of strength 0."""
    found = {strength: _figures(answer, labels) for strength, answer in answers.items()}
    allowed = [name for name, row in found.items() if row["accuracy"] >= found[0.0]["accuracy"]]
    return max(allowed, key=lambda strength: found[strength]["macro_f1"])


def _figures(answers: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    f1 = f1_score(labels, answers, average="macro", zero_division=0, labels=np.unique(labels))
    return {"accuracy": float((answers == labels).mean()), "macro_f1": float(f1)}


def _standard_error(plain: np.ndarray, adjusted: np.ndarray, labels: np.ndarray) -> float:
    """Of the difference in macro-F1 between two answers (n,) for the same faces."""
    random = np.random.default_rng(SEED)
    gains = []
    for rows in random.integers(0, len(labels), (RESAMPLES, len(labels))):
        one, other = (_figures(answers[rows], labels[rows])["macro_f1"] for answers in (plain, adjusted))
        gains.append(other - one)
    return float(np.std(gains))


def _parts(labels: np.ndarray) -> np.ndarray:
    """The part (n,) of each face, from 0: the faces of each class are dealt out in random order."""
    order = np.random.default_rng(SEED).permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    parts = np.empty(len(labels), int)
    parts[order] = np.arange(len(labels)) % FOLDS
    return parts
