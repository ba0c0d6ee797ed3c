"""Accuracy by picture quality."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from training.release.figures.style import BLUE, SOFT, STYLE
from training.studies.slices import QUALITIES

UNITS = {"brightness": "mean grey, 0 to 1", "sharpness": "variance of the Laplacian"}
DIGITS = {"brightness": ".2f", "sharpness": ",.0f"}


def draw_slices(result: dict) -> Figure:
    """A panel for each quality: accuracy of each quarter with its interval, and of all faces as a line."""
    with mpl.rc_context(STYLE):
        drawn, axes = plt.subplots(1, len(QUALITIES), figsize=(9, 3.8), sharey=True)
        for axis, name in zip(axes, QUALITIES, strict=True):
            rows = result[name]
            accuracy = 100 * np.array([row["accuracy"] for row in rows])
            ends = 100 * np.array([row["accuracy_95"] for row in rows]).T
            axis.axhline(100 * result["accuracy"], color=SOFT, lw=1, ls="--", label=f"all: {result['accuracy']:.1%}")
            whiskers = np.abs(ends - accuracy)
            axis.errorbar(range(len(rows)), accuracy, whiskers, fmt="o", color=BLUE, ms=7, capsize=4)
            for place, value in enumerate(accuracy):
                axis.annotate(f"{value:.1f}", (place, value), (7, 7), textcoords="offset points")
            digits = DIGITS[name]
            axis.set_xticks(range(len(rows)), [f"{row['from']:{digits}}\nto {row['to']:{digits}}" for row in rows])
            axis.set_xlim(-0.5, len(rows) - 0.4)
            axis.set_xlabel(f"{UNITS[name]}; a quarter of the faces each")
            axis.yaxis.grid(True)
            axis.set_title(f"By {name}")
        axes[0].set_ylabel("accuracy (%), 95 % interval")
        axes[0].legend(loc="lower right")
        drawn.suptitle(f"Accuracy by picture quality, {result['faces']:,} faces", fontweight="bold")
    return drawn
