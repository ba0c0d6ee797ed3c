"""Noise of the labels: how often FER-2013's label, ten FER+ voters and the model's answer agree on a face.

The voters' *majority* is the emotion with the most votes; a tie has no majority. Voters could also choose contempt,
unknown or not a face, for which FER-2013 has no label: faces with such a majority are counted separately and are left
out of every agreement.
"""

import numpy as np

from training.data.dataset import LABELS
from training.data.votes import VOTE_COLUMNS
from training.release import metrics

NAMES = {
    "anger": "angry",
    "disgust": "disgust",
    "fear": "fear",
    "happiness": "happy",
    "sadness": "sad",
    "surprise": "surprise",
    "neutral": "neutral",
    "contempt": "contempt",
    "unknown": "unknown",
    "NF": "not a face",
}
"""FER-2013's name of each FER+ column, where it has one."""
MAJORITIES = (*LABELS, "contempt", "unknown", "not a face", "no majority")
NO_MAJORITY = len(MAJORITIES) - 1
# Voters of ten in the majority. Majorities of under five are rare, so they share a bin.
BINS = ((1, 4), (5, 5), (6, 6), (7, 7), (8, 8), (9, 9), (10, 10))
CLEAR_VOTERS = 8


def majority(votes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The majority of votes (n, 10), as index into MAJORITIES (n,), and the number of its voters (n,)."""
    of_column = np.array([MAJORITIES.index(NAMES[name]) for name in VOTE_COLUMNS])
    most = votes.max(1)
    lead = of_column[votes.argmax(1)]
    tied = (votes == most[:, None]).sum(1) > 1
    return np.where(tied, NO_MAJORITY, lead), most.astype(int)


def measure(votes: np.ndarray, labels: np.ndarray, probabilities: np.ndarray) -> dict:
    """Agreement of label, voters and answer; plain numbers for JSON.

    Votes (n, 10), labels (n,), probabilities (n, 7). A share is {"faces", "share", "share_95"}, of those faces; the
    share of none is None. `confusion` has a row for each label and a column for each of `majorities`.
    """
    voted, voters = majority(votes)
    answers = probabilities.argmax(1)
    confusion = np.zeros((len(LABELS), len(MAJORITIES)), int)
    np.add.at(confusion, (labels, voted), 1)
    seven = voted < len(LABELS)
    agrees, right, as_voted = labels == voted, answers == labels, answers == voted
    clear = seven & (voters >= CLEAR_VOTERS)
    return {
        "faces": len(labels),
        "majorities": dict(zip(MAJORITIES, confusion.sum(0).tolist(), strict=True)),
        "confusion": confusion.tolist(),
        "label_is_majority": share(agrees[seven]),
        "label_is_majority_by_label": {
            name: share(agrees[seven & (labels == label)]) for label, name in enumerate(LABELS)
        },
        "answer_is_majority": share(as_voted[seven]),
        "answer_is_label": {
            "all": share(right),
            "label_is_majority": share(right[seven & agrees]),
            "label_is_not_majority": share(right[seven & ~agrees]),
            "no_majority_of_the_seven": share(right[~seven]),
        },
        "answer_is_majority_where_label_is_not": share(as_voted[seven & ~agrees]),
        "clear": {
            "voters": CLEAR_VOTERS,
            "label_is_majority": share(agrees[clear]),
            "answer_is_label": share(right[clear]),
            "answer_is_majority": share(as_voted[clear]),
        },
        "by_voters": [
            {
                "from": low,
                "to": high,
                "label_is_majority": share(agrees[rows]),
                "answer_is_label": share(right[rows]),
                "answer_is_majority": share(as_voted[rows]),
            }
            for low, high in BINS
            for rows in [seven & (voters >= low) & (voters <= high)]
        ],
    }


def share(holds: np.ndarray) -> dict:
    """How often something holds (n,): {"faces", "share", "share_95"}; the share of no face is None."""
    count, true = len(holds), int(holds.sum())
    return {
        "faces": count,
        "share": true / count if count else None,
        "share_95": list(metrics.wilson(true, count)) if count else None,
    }
