"""Agreement of labels, voters and answers."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from training.data.dataset import LABELS
from training.release.figures.style import BLUE, INK, ORANGE, STYLE, TEAL
from training.studies.agreement import MAJORITIES


def draw_agreement(result: dict) -> Figure:
    """The voters' majority for the faces of each label, and agreement by the number of voters in the majority."""
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
