"""How well the votes head predicts what ten FER+ voters chose.

Compared with the voters' shares over the seven labels. Votes for contempt, unknown and not a face are left out, and so
are the faces that `votes.shares` leaves out. The *error* of predicted shares is the share of votes that would have to
move to another label: half the sum of absolute differences (total variation). Ten other voters would not vote alike
either; how far they would differ is estimated from two halves of the ten (`error_of_voters`).
"""

import numpy as np

from training.data.dataset import LABELS
from training.learning import votes as targets
from training.release import metrics
from training.studies.agreement import CLEAR_VOTERS, majority, share

VOTERS = 10
DRAWS, SEED = 20, 0


def measure(votes: np.ndarray, labels: np.ndarray, predicted: np.ndarray, probabilities: np.ndarray) -> dict:
    """Both answers against the voters, and against the label; plain numbers for JSON.

    Votes (n, 10), labels (n,), predicted shares and probabilities of the labels (n, 7). A majority is that of
    `agreement.majority`. `error_of_probabilities` is what the error would be if the probabilities were taken for
    shares.
    """
    wanted = targets.shares(votes)
    used = wanted.sum(1) > 0
    seen = counted(votes)[used]
    voted, voters = majority(votes)
    seven, answers = voted < len(LABELS), predicted.argmax(1)
    clear = seven & (voters >= CLEAR_VOTERS)
    return {
        "faces": int(used.sum()),
        "answer_is_majority": share((answers == voted)[seven]),
        "answer_is_majority_where_clear": share((answers == voted)[clear]),
        "answer_is_label": share(answers == labels),
        "cross_entropy": targets.agreement(wanted, np.log(np.maximum(predicted, 1e-12)))[0],
        "calibration_error": metrics.share_calibration_error(predicted[used], wanted[used]),
        "error": error(predicted[used], seen),
        "error_of_probabilities": error(probabilities[used], seen),
        "error_of_voters": error_of_voters(seen),
    }


def counted(votes: np.ndarray) -> np.ndarray:
    """The votes (n, 10) that are for one of the seven labels, (n, 7) in the order of the labels."""
    return votes[:, targets.COLUMNS]


def error(predicted: np.ndarray, seen: np.ndarray) -> float:
    """Mean share of votes (n, classes) that predicted shares (n, classes) put on another label."""
    return float(_distance(predicted, seen).mean())


def error_of_voters(seen: np.ndarray) -> float:
    """Mean share of votes that differ between ten voters and ten others, estimated from their votes (n, classes).

    The voters of a face are split into halves at random, DRAWS times. Differences between two groups of k voters fall
    about with the square root of k, which turns halves into groups of ten. For simulated voters this is 6 % too low:
    ten others differ a little more. Faces with a single vote are left out.
    """
    random = np.random.default_rng(SEED)
    found = []
    for count in np.unique(seen.sum(1).astype(int)):
        half = count // 2
        if half == 0:
            continue
        rows = seen[seen.sum(1) == count].astype(int)
        # The label of each vote, (n, count).
        cast = np.repeat(np.tile(np.arange(rows.shape[1]), len(rows)), rows.ravel()).reshape(len(rows), count)
        for _ in range(DRAWS):
            mixed = random.permuted(cast, axis=1)
            one, other = (_counts(part, rows.shape[1]) for part in (mixed[:, :half], mixed[:, half : 2 * half]))
            found.append(np.sqrt(half / VOTERS) * _distance(one, other))
    return float(np.concatenate(found).mean()) if found else float("nan")


def _distance(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Total variation (n,) between rows of shares or of counts (n, classes)."""
    one, other = (part / part.sum(1, keepdims=True) for part in (one, other))
    return np.abs(one - other).sum(1) / 2


def _counts(cast: np.ndarray, classes: int) -> np.ndarray:
    return (cast[:, :, None] == np.arange(classes)).sum(1)
