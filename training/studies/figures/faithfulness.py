"""Curves of faithfulness, and heatmaps after shuffling weights."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from training.release.figures.style import BLUE, INK, ORANGE, RED, SOFT, STYLE, TEAL
from training.studies.randomisation import MAX_RANK_CORRELATION

_COLOURS = {"ours": BLUE, "halved": TEAL, "random": SOFT, "blob": ORANGE}
_DELETION = "share of pixels in the face's mean grey (%)\nfaithful maps keep the curve low"
_INSERTION = "share of pixels back in the blurred face (%)\nfaithful maps lift the curve"
_ROAD = (
    "share of pixels filled in (%); faithful maps keep the curve low with\n"
    "the highest first (full line), high with the lowest first (dashed)"
)


def draw_faithfulness(result: dict) -> Figure:
    """The three kinds of curves and the shuffled weights."""
    with mpl.rc_context(STYLE):
        drawn, axes = plt.subplots(2, 2, figsize=(11, 8.6))
        panels = (
            ({"deletion": "-"}, "Deletion: the highest pixels greyed first", _DELETION),
            ({"insertion": "-"}, "Insertion: the highest pixels added first", _INSERTION),
            ({"road": "-", "road_lowest": "--"}, "ROAD: pixels filled in from their neighbours", _ROAD),
        )
        for axis, (curves, title, across) in zip(axes.flat, panels, strict=False):
            _panel(axis, result, curves)
            axis.set_title(title)
            axis.set_xlabel(across)
        _levels(axes[1, 1], result["randomisation"])
    return drawn


def _panel(axis: Axes, result: dict, curves: dict[str, str]) -> None:
    """Curves with the given line styles for every order of pixels; the legend has their mean heights."""
    heights: dict[str, list[str]] = {}
    shares = 100 * np.array(result["shares"])
    for curve, line in curves.items():
        for name, values in result["curves"][curve].items():
            axis.plot(shares, 100 * np.array(values), line, color=_COLOURS[name], lw=2.4 if name == "ours" else 1.6)
            heights.setdefault(name, []).append(f"{100 * result['area'][curve][name]:.1f}")
    height, width = result["map_hw"]
    words = {
        "ours": f"our maps, {height}x{width}",
        "halved": f"ours at {height // 2}x{width // 2}",
        "random": "random maps",
        "blob": "centred blob",
    }
    marks = [Line2D([], [], color=_COLOURS[name], lw=2.4) for name in heights]
    axis.legend(marks, [f"{words[name]}: {', '.join(found)}" for name, found in heights.items()], title="mean height")
    # Room for the legend above the curves.
    axis.set_ylim(0, 112)
    axis.set_yticks(range(0, 101, 20))
    axis.set_ylabel("probability of the answer (%)")
    axis.yaxis.grid(True)


def _levels(axis: Axes, found: dict) -> None:
    """Rank correlation with the true maps as the cascade goes down."""
    names = [level["shuffled_down_to"].replace("_", " ") for level in found["levels"]]
    values = [level["rank_correlation"] for level in found["levels"]]
    bars = axis.barh([names[0], *(f"down to {name}" for name in names[1:])], values, 0.6, color=BLUE)
    axis.bar_label(bars, fmt="%.2f", padding=3, fontsize=9)
    axis.axvline(0, color=INK, lw=0.8)
    axis.axvline(found["between_faces"], color=INK, lw=1.2, ls=":", label="unchanged maps of two faces")
    axis.axvline(MAX_RANK_CORRELATION, color=RED, lw=1.2, label=f"most allowed at the end: {MAX_RANK_CORRELATION}")
    axis.invert_yaxis()
    axis.set_xlim(min(-0.15, *(value - 0.15 for value in values)), 1)
    axis.set_xlabel(f"rank correlation with the true maps;\n{found['faces']} faces, {found['seeds']} shuffles")
    axis.legend(loc="lower right", frameon=True, framealpha=1, edgecolor="white")
    axis.set_title("Weights shuffled from the linear layer down")
