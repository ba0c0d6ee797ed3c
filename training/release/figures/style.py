"""Colours, fonts and file format of all figures."""

import io
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")  # draws into memory, so no display is needed

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

INK, SOFT, GRID = "#1f2933", "#7b8794", "#e4e7eb"
BLUE, ORANGE, TEAL = "#2f6fbb", "#e07a2f", "#3a9d8f"
RED = "#c0392b"
STYLE: dict = {
    "figure.dpi": 100,
    "savefig.dpi": 100,
    "figure.constrained_layout.use": True,
    "savefig.bbox": "tight",
    "savefig.pad_inches": 0.12,
    "figure.facecolor": "white",
    "font.size": 10,
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.edgecolor": SOFT,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "grid.color": GRID,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    # Dollar signs in a label are no formula.
    "text.parse_math": False,
}


def save(figure: Figure, path: Path) -> Path:
    """Write a PNG with a palette, a third of the size, since figures are committed. Returns the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    drawn = io.BytesIO()
    figure.savefig(drawn)
    plt.close(figure)
    with Image.open(drawn) as picture:
        # Without a given palette Pillow does not dither, so text and white areas stay clean.
        picture.convert("RGB").quantize(256).save(path, optimize=True)
    return path


def bars_size(labels: tuple[str, ...]) -> tuple[float, float]:
    """Width and height in inches for three bars a label."""
    return 8, max(3.0, 0.6 * len(labels) + 0.6)


def picture_axes(width: float, height: float, figsize: tuple[float, float]) -> tuple[Figure, Axes]:
    """One pair of axes for many pictures, in units of a picture's side, y downwards.

    Axes for each picture would take several times as long to lay out.
    """
    figure, axis = plt.subplots(figsize=figsize)
    axis.axis("off")
    axis.set(xlim=(0, width), ylim=(height, 0), aspect="equal", autoscale_on=False)
    return figure, axis


def show_face(axis: Axes, face: np.ndarray, left: float, top: float) -> None:
    """Draw a face uint8 (h, w, 1) on `picture_axes` with its upper left corner at (left, top)."""
    axis.imshow(face[..., 0], cmap="gray", vmin=0, vmax=255, extent=(left, left + 1, top + 1, top))
