"""Figures of the network and of its learning curves."""

import itertools
import json
from collections.abc import Sequence
from pathlib import Path

import keras
import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from training.data.dataset import SIZE
from training.learning import network
from training.learning.recipe import Recipe
from training.release.figures.style import BLUE, ORANGE, SOFT, STYLE, save


def draw_training(record: dict, folder: Path) -> list[Path]:
    """Write summary.txt, network.png and curves.png of a training record (`checkpoints.training_record`)."""
    shape = Recipe.from_json(json.dumps(record["recipe"])).shape(record["classes"])
    model = network.build(shape)
    lines: list[str] = []
    # Built for one input size, so that the summary shows sizes: in training the network accepts any.
    keras.models.clone_model(model, keras.Input((SIZE, SIZE, 1), name="faces")).summary(print_fn=lines.append)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "summary.txt").write_text("\n".join(lines) + "\n")
    work = network.multiply_adds(shape)
    with mpl.rc_context(STYLE):
        return [
            folder / "summary.txt",
            save(blocks(network.outline(shape), model.count_params(), work), folder / "network.png"),
            save(curves(record["history"], record["exported_epoch"]), folder / "curves.png"),
        ]


def blocks(outline: Sequence[tuple[str, tuple[int, ...], int]], parameters: int, work: int) -> Figure:
    """The network from left to right: height shows the size in pixels, width the number of channels."""
    figure, axis = plt.subplots(figsize=(11, 3.9))
    axis.plot((0, 1.2 * (len(outline) - 1)), (0, 0), color=SOFT, lw=1, zorder=0)
    x = 0.0
    for name, shape, weights in outline:
        side, channels = (shape[0], shape[2]) if len(shape) == 3 else (1, shape[-1])
        height, width = 0.35 + side / SIZE * 2.2, 0.25 + channels / 160 * 0.55
        colour = BLUE if weights else SOFT
        axis.add_patch(Rectangle((x - width / 2, -height / 2), width, height, color=colour, lw=0))
        axis.text(x, 1.45, name.replace("_", "\n", 1), ha="center", va="bottom", fontsize=9, fontweight="bold")
        size = " x ".join(map(str, shape))
        axis.text(x, -1.5, f"{size}\n{weights:,}" if weights else size, ha="center", va="top", fontsize=8.5)
        x += 1.2
    axis.set_xlim(-0.7, x - 0.5)
    axis.set_ylim(-2.2, 2.2)
    axis.axis("off")
    axis.set_title(
        f"Network: {parameters:,} parameters, {work / 1e6:.1f} million multiply-adds a face\n", loc="left", pad=2
    )
    axis.text(
        0.0,
        1.0,
        "under each block: its output size (height x width x channels) and its number of parameters",
        transform=axis.transAxes,
        fontsize=9,
        color=SOFT,
    )
    return figure


def curves(history: list[dict], best_epoch: int) -> Figure:
    """Loss and accuracy by epoch."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
    epochs = [row["epoch"] for row in history]
    panels = ((left, "loss", "Cross-entropy", 1.0, "{:.3f}"), (right, "accuracy", "Accuracy (%)", 100.0, "{:.1f} %"))
    for axis, key, title, scale, form in panels:
        validation = [scale * row[f"validation_{key}"] for row in history]
        axis.plot(epochs, [scale * row[key] for row in history], color=SOFT, label="train, augmented", marker=".")
        axis.plot(epochs, validation, color=BLUE, label="validation, averaged weights", lw=2, marker=".")
        if best_epoch in epochs:
            at = validation[epochs.index(best_epoch)]
            axis.plot(best_epoch, at, "o", color=ORANGE, ms=8, label=f"kept: epoch {best_epoch}, {form.format(at)}")
        for before, after in itertools.pairwise(history):
            if before["size"] != after["size"]:
                axis.axvline(after["epoch"] - 0.5, color=SOFT, lw=0.8, ls=":")
                axis.annotate(
                    f"{after['size']} px from here",
                    (after["epoch"] - 0.5, 0.5),
                    xycoords=("data", "axes fraction"),
                    xytext=(-3, 0),
                    textcoords="offset points",
                    rotation=90,
                    ha="right",
                    va="center",
                    fontsize=8,
                    color=SOFT,
                )
        axis.set_title(title)
        axis.set_xlabel("epoch")
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.yaxis.grid(True)
        axis.legend()
    return figure
