"""Accuracy under each change of the pictures."""

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from training.release.figures.style import BLUE, INK, ORANGE, RED, SOFT, STYLE, TEAL


def draw_robustness(result: dict) -> Figure:
    """Accuracy under each condition, of the same faces unchanged, and the least that is allowed."""
    rows = [row for row in result["conditions"] if row["faces"]]
    with mpl.rc_context(STYLE):
        drawn, axis = plt.subplots(figsize=(9, 0.55 * len(rows) + 1.6))
        for place, row in enumerate(rows):
            accuracy, limit = 100 * row["accuracy"], 100 * row["clean"] - row["allowed_points"]
            kept = row["loss_points"] <= row["allowed_points"]
            axis.barh(place, accuracy, 0.62, color=BLUE if kept else RED)
            axis.plot((limit, limit), (place - 0.4, place + 0.4), color=ORANGE, lw=2)
            axis.text(1, place, f"{accuracy:.1f} %  ({-row['loss_points']:+.1f})", va="center", color="white")
            if "worst" in row:
                axis.plot(100 * row["worst"]["accuracy"], place, "D", color=INK, ms=5)
        axis.axvline(100 * result["clean"], color=TEAL, lw=1.5)
        names = [f"{row['name']}\n({row['faces']:,} faces)" for row in rows]
        axis.set_yticks(range(len(rows)), names, fontsize=9)
        axis.invert_yaxis()
        axis.set_xlim(0, 100)
        axis.set_xlabel("accuracy (%); in brackets the difference in points from the same faces unchanged")
        axis.xaxis.grid(True)
        axis.set_axisbelow(True)
        axis.plot([], [], color=TEAL, label=f"unchanged: {result['clean']:.1%}")
        axis.plot([], [], color=ORANGE, lw=2, label="least allowed")
        axis.plot([], [], "D", color=INK, ms=5, ls="", label="worst extreme (no limit)")
        axis.legend(loc="upper left", bbox_to_anchor=(1, 1))
        axis.set_title(f"Changed pictures; mirrored ones differ by {result['mirror_difference']:.3f}", color=INK)
        axis.tick_params(axis="y", length=0, labelcolor=INK)
        axis.spines["left"].set_color(SOFT)
    return drawn
