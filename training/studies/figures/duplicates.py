"""Pairs of faces that are one photo."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from training.data.dataset import Dataset
from training.data.duplicates import Pairs, split_of
from training.release.figures.style import SOFT, STYLE, TEAL

SAMPLES = 6


def draw_duplicates(pairs: Pairs, data: Dataset) -> Figure:
    """Pairs across train and validation, sorted by similarity: with one label, with two labels, mirrored."""
    faces = np.concatenate([data.train.faces, data.validation.faces])[..., 0]
    labels = np.concatenate([data.train.labels, data.validation.labels])
    first, second = split_of(pairs.first, data), split_of(pairs.second, data)
    near = (first == 0) & (second == 1) & ~pairs.exact
    across = np.flatnonzero(near)
    differ = labels[pairs.first[across]] != labels[pairs.second[across]]
    mirrored = pairs.mirrored[across]
    groups = (
        ("one label", across[~differ & ~mirrored]),
        ("two labels", across[differ & ~mirrored]),
        ("mirrored", across[mirrored]),
    )
    with mpl.rc_context(STYLE):
        drawn, axes = plt.subplots(len(groups), SAMPLES, figsize=(SAMPLES * 1.75 + 1, len(groups) * 1.35 + 0.5))
        for (name, members), line in zip(groups, axes, strict=True):
            by_similarity = members[np.argsort(pairs.similarity[members])]
            shown = by_similarity[np.linspace(0, len(by_similarity) - 1, min(SAMPLES, len(by_similarity))).astype(int)]
            for axis in line:
                axis.axis("off")
            line[0].text(-0.1, 0.5, name, transform=line[0].transAxes, ha="right", va="center", fontsize=10)
            if len(shown) == 0:
                line[0].text(0, 0.5, "none", transform=line[0].transAxes, va="center", color=SOFT)
            for axis, pair in zip(line, shown, strict=False):
                rows = [int(pairs.first[pair]), int(pairs.second[pair])]
                gap = np.full((faces.shape[1], 2), 255, np.uint8)
                axis.imshow(
                    np.concatenate([faces[rows[0]], gap, faces[rows[1]]], axis=1), cmap="gray", vmin=0, vmax=255
                )
                shown_labels = [data.labels[labels[row]] for row in rows]
                text = shown_labels[0] if shown_labels[0] == shown_labels[1] else " | ".join(shown_labels)
                axis.set_title(
                    f"{pairs.similarity[pair]:.2f}\n{text}",
                    fontsize=8.5,
                    fontweight="normal",
                    loc="center",
                    color=TEAL if shown_labels[0] == shown_labels[1] else STYLE["text.color"],
                )
        drawn.suptitle(
            "The same photo in train (left) and in validation (right), and the similarity", fontweight="bold"
        )
    return drawn
