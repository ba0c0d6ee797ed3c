"""Figures of the data: sample faces and class balance."""

from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from training.data.dataset import SPLITS, Dataset
from training.release.figures.style import BLUE, ORANGE, SOFT, STYLE, TEAL, bars_size, picture_axes, save, show_face

SAMPLES = 8
SPLIT_COLOURS = dict(zip(SPLITS, (BLUE, TEAL, ORANGE), strict=True))


def draw_data(data: Dataset, folder: Path) -> list[Path]:
    """Write samples.png and balance.png; returns their paths."""
    with mpl.rc_context(STYLE):
        return [
            save(samples(data), folder / "samples.png"),
            save(balance(data), folder / "balance.png"),
        ]


def samples(data: Dataset) -> Figure:
    """Train faces of each class, chosen with a fixed seed."""
    split, labels = data.train, data.labels
    step = 1.06
    size = (SAMPLES * 0.62 + 1, len(labels) * 0.62 + 0.4)
    figure, axis = picture_axes(SAMPLES * step, len(labels) * step, size)
    random = np.random.default_rng(0)
    for label, name in enumerate(labels):
        of_label = np.flatnonzero(split.labels == label)
        for column, row in enumerate(random.permutation(of_label)[:SAMPLES]):
            show_face(axis, split.faces[row], column * step, label * step)
        axis.text(-0.15, label * step + 0.5, name, ha="right", va="center", fontsize=11)
    figure.suptitle(f"{data.name}, train faces by label", fontweight="bold")
    return figure


def balance(data: Dataset) -> Figure:
    """Faces per class in each split: bars are shares of the split, with the number of faces beside each."""
    figure, axis = plt.subplots(figsize=bars_size(data.labels))
    height = 0.27
    for place, (name, counts) in enumerate(data.counts().items()):
        shares = 100 * np.array(counts) / sum(counts)
        bars = axis.barh(
            np.arange(len(counts)) + (place - 1) * height,
            shares,
            height * 0.92,
            color=SPLIT_COLOURS[name],
            label=f"{data.title(name)}: {sum(counts):,}",
        )
        axis.bar_label(bars, [f"{count:,}" for count in counts], padding=3, fontsize=8, color=SOFT)
    axis.set_yticks(range(len(data.labels)), data.labels)
    axis.invert_yaxis()
    axis.margins(x=0.07)
    axis.set_xlabel("share of the split's faces (%); number of faces beside each bar")
    axis.xaxis.grid(True)
    axis.set_axisbelow(True)
    # Outside the axes: where classes are balanced, bars fill them.
    axis.legend(loc="upper left", bbox_to_anchor=(1, 1))
    axis.set_title("Class balance")
    return figure
