"""Noise of the labels: how FER-2013's label, ten FER+ voters and the model's answer agree on the same faces.

The voters' *majority* is the word that most of them chose. Where two words lead with as many votes each, there is
none. Voters could also say contempt, unknown or not a face, which FER-2013 has no label for: faces where one of these
leads are counted apart and take no part in any agreement.
"""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from training.data.dataset import LABELS, VOTE_COLUMNS
from training.release import metrics
from training.release.figures import BLUE, INK, ORANGE, STYLE, TEAL

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
"""FER+'s words in FER-2013's, where it has them."""
MAJORITIES = (*LABELS, "contempt", "unknown", "not a face", "no majority")
NO_MAJORITY = len(MAJORITIES) - 1
# Of ten; fewer than five rarely agree on one of the seven, so they share a bin.
BINS = ((1, 4), (5, 5), (6, 6), (7, 7), (8, 8), (9, 9), (10, 10))
CLEAR_VOTERS = 8


def majority(votes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Votes (n, 10) in the order of VOTE_COLUMNS to the majority, an index into MAJORITIES, and who voted for it."""
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
        "label_is_majority": _share(agrees[seven]),
        "label_is_majority_by_label": {
            name: _share(agrees[seven & (labels == label)]) for label, name in enumerate(LABELS)
        },
        "answer_is_majority": _share(as_voted[seven]),
        "answer_is_label": {
            "all": _share(right),
            "label_is_majority": _share(right[seven & agrees]),
            "label_is_not_majority": _share(right[seven & ~agrees]),
            "no_majority_of_the_seven": _share(right[~seven]),
        },
        "answer_is_majority_where_label_is_not": _share(as_voted[seven & ~agrees]),
        "clear": {
            "voters": CLEAR_VOTERS,
            "label_is_majority": _share(agrees[clear]),
            "answer_is_label": _share(right[clear]),
            "answer_is_majority": _share(as_voted[clear]),
        },
        "by_voters": [
            {
                "from": low,
                "to": high,
                "label_is_majority": _share(agrees[rows]),
                "answer_is_label": _share(right[rows]),
                "answer_is_majority": _share(as_voted[rows]),
            }
            for low, high in BINS
            for rows in [seven & (voters >= low) & (voters <= high)]
        ],
    }


def _share(holds: np.ndarray) -> dict:
    count, true = len(holds), int(holds.sum())
    return {
        "faces": count,
        "share": true / count if count else None,
        "share_95": list(metrics.wilson(true, count)) if count else None,
    }


def figure(result: dict) -> Figure:
    """What the voters say of the faces of each label, and agreement by how many voters agree with each other."""
    with mpl.rc_context(STYLE):
        drawn, (left, right) = plt.subplots(1, 2, figsize=(14, 5.4), width_ratios=(1.35, 1))
        counts = np.array(result["confusion"])
        shares = 100 * counts / np.maximum(counts.sum(1, keepdims=True), 1)
        left.imshow(shares, cmap="Blues", vmin=0, vmax=100, aspect="auto")
        for row, column in np.ndindex(*counts.shape):
            colour = "white" if shares[row, column] > 55 else INK
            left.text(column, row, f"{shares[row, column]:.0f} %", ha="center", va="center", color=colour, fontsize=8.5)
        left.axvline(len(LABELS) - 0.5, color=INK, lw=1)
        left.set_xticks(range(len(MAJORITIES)), MAJORITIES, rotation=40, ha="right")
        left.set_yticks(
            range(len(LABELS)), [f"{name}\n({total:,})" for name, total in zip(LABELS, counts.sum(1), strict=True)]
        )
        left.set_xlabel("majority of ten FER+ voters")
        left.set_ylabel("FER-2013's label")
        left.spines[:].set_visible(False)
        left.tick_params(length=0)
        agreed = result["label_is_majority"]["share"]
        left.set_title(
            "Label and voters" + ("" if agreed is None else f": the same for {agreed:.1%} (left of the line)")
        )

        lines = (
            ("label_is_majority", "label is the voters' majority", ORANGE),
            ("answer_is_majority", "answer is the voters' majority", TEAL),
            ("answer_is_label", "answer is the label", BLUE),
        )
        for key, name, colour in lines:
            kept = [(place, row[key]) for place, row in enumerate(result["by_voters"]) if row[key]["faces"]]
            places, middles = [place for place, _ in kept], [100 * share["share"] for _, share in kept]
            whiskers = [
                [abs(100 * share["share_95"][end] - middle) for (_, share), middle in zip(kept, middles, strict=True)]
                for end in (0, 1)
            ]
            right.errorbar(places, middles, whiskers, fmt="o-", color=colour, ms=5, capsize=3, label=name)
        ticks = [
            (f"{row['from']}" if row["from"] == row["to"] else f"{row['from']}-{row['to']}")
            + f"\n({row['answer_is_label']['faces']:,})"
            for row in result["by_voters"]
        ]
        right.set_xticks(range(len(ticks)), ticks)
        right.set_ylim(0, 102)
        right.set_xlabel("voters of ten who agree on one of the seven (faces)")
        right.set_ylabel("% of these faces")
        right.yaxis.grid(True)
        right.legend(loc="lower right")
        right.set_title("By agreement among the voters")
    return drawn
