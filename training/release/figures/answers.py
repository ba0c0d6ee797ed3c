"""Figures of the answers: confusion matrix, classification report and Grad-CAM galleries."""

import json
import math
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.metrics import classification_report
from tqdm import tqdm

from training.data.dataset import Dataset, Split
from training.release import evaluate
from training.release.figures.style import (
    BLUE,
    INK,
    ORANGE,
    RED,
    SOFT,
    STYLE,
    TEAL,
    bars_size,
    picture_axes,
    save,
    show_face,
)

GALLERY_PAIRS = 4


def draw_model(path: Path, data: Dataset, folder: Path) -> list[Path]:
    """Write confusion matrix, classification report and a Grad-CAM gallery per class, of the validation split.

    The file, or its twin (`training.release.twin`), runs through the service's classifier. Returns the paths. Raises
    ValueError for a file that the service refuses or whose labels are not the data's.
    """
    classifier = evaluate.open_for(path, "validation")
    evaluate.check_labels(classifier, data)
    labels, split = classifier.contract.labels, data.validation
    probabilities = evaluate.probabilities(classifier, split.faces, "validation")
    answers = probabilities.argmax(1)
    folder.mkdir(parents=True, exist_ok=True)
    reports = report(split.labels, answers, labels)
    (folder / "report.txt").write_text(reports[0])
    (folder / "report.json").write_text(json.dumps(reports[1], indent=1) + "\n")
    with mpl.rc_context(STYLE):
        made = [
            folder / "report.txt",
            folder / "report.json",
            save(report_picture(reports[1], labels), folder / "report.png"),
            save(confusion(split.labels, answers, labels), folder / "confusion.png"),
        ]
        for target, label in enumerate(tqdm(labels, desc="galleries", unit="class")):
            groups = gallery_rows(split.labels, answers, target)
            rows = np.concatenate([group for _, group in groups]).astype(int)
            heatmaps = dict(zip(rows.tolist(), classifier.classify(split.faces[rows]).heatmaps, strict=True))
            picture = gallery(split, probabilities, heatmaps, groups, labels, label)
            made.append(save(picture, folder / f"gradcam_{label}.png"))
    return made


def confusion(truth: np.ndarray, answers: np.ndarray, labels: tuple[str, ...]) -> Figure:
    """A row for each label: share of the row by colour and in per cent, with the number of faces below."""
    counts = np.zeros((len(labels), len(labels)), int)
    np.add.at(counts, (truth, answers), 1)
    shares = 100 * counts / np.maximum(counts.sum(1, keepdims=True), 1)
    side = max(4.4, 0.8 * len(labels) + 1)
    figure, axis = plt.subplots(figsize=(side + 0.8, side))
    image = axis.imshow(shares, cmap="Blues", vmin=0, vmax=100)
    for row, column in np.ndindex(*counts.shape):
        colour = "white" if shares[row, column] > 55 else INK
        share, number = f"{shares[row, column]:.0f} %", f"{counts[row, column]:,}"
        # Outside the layout: they lie within the axes, and measuring hundreds of texts takes seconds.
        inside = {"ha": "center", "va": "center", "color": colour, "in_layout": False}
        axis.text(column, row - 0.08, share, **inside)
        axis.text(column, row + 0.25, number, fontsize=7.5, **inside)
    # Long labels would overlap.
    slant = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if max(map(len, labels)) > 8 else {}
    axis.set_xticks(range(len(labels)), labels, **slant)
    axis.set_yticks(
        range(len(labels)), [f"{name}\n({total:,})" for name, total in zip(labels, counts.sum(1), strict=True)]
    )
    axis.set_xlabel("answer")
    axis.set_ylabel("label")
    axis.spines[:].set_visible(False)
    axis.tick_params(length=0)
    axis.set_title(f"Validation: {100 * np.trace(counts) / counts.sum():.1f} % of {counts.sum():,} faces correct")
    figure.colorbar(image, ax=axis, shrink=0.8, label="% of the row").outline.set_visible(False)
    return figure


def report(truth: np.ndarray, answers: np.ndarray, labels: tuple[str, ...]) -> tuple[str, dict]:
    """scikit-learn's classification report, as text and as numbers."""
    shared = {"labels": range(len(labels)), "target_names": labels, "zero_division": 0}
    text = classification_report(truth, answers, digits=3, **shared)
    return text, classification_report(truth, answers, output_dict=True, **shared)


def report_picture(numbers: dict, labels: tuple[str, ...]) -> Figure:
    """Precision, recall and F1 of each class as bars."""
    figure, axis = plt.subplots(figsize=bars_size(labels))
    height = 0.27
    for place, (key, colour) in enumerate((("precision", SOFT), ("recall", BLUE), ("f1-score", ORANGE))):
        values = [100 * numbers[label][key] for label in labels]
        bars = axis.barh(np.arange(len(labels)) + (place - 1) * height, values, height * 0.92, color=colour, label=key)
        axis.bar_label(bars, [f"{value:.0f}" for value in values], padding=3, fontsize=8, color=SOFT)
    axis.set_yticks(range(len(labels)), [f"{label}\n({numbers[label]['support']:,.0f})" for label in labels])
    axis.invert_yaxis()
    axis.set_xlim(0, 105)
    axis.set_xlabel("%")
    axis.xaxis.grid(True)
    axis.set_axisbelow(True)
    macro = numbers["macro avg"]["f1-score"]
    axis.set_title(f"Validation by class (faces); macro-F1 {macro:.1%}")
    axis.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def gallery_rows(truth: np.ndarray, answers: np.ndarray, target: int) -> list[tuple[str, np.ndarray]]:
    """Rows of up to GALLERY_PAIRS faces each: correct, missed, and wrongly given this label; fixed seed."""
    kinds = (
        ("correct", (truth == target) & (answers == target)),
        ("missed", (truth == target) & (answers != target)),
        ("wrong", (truth != target) & (answers == target)),
    )
    random = np.random.default_rng(target)
    return [(name, random.permutation(np.flatnonzero(kind))[:GALLERY_PAIRS]) for name, kind in kinds]


def gallery(
    split: Split,
    probabilities: np.ndarray,
    heatmaps: dict[int, np.ndarray],
    groups: list[tuple[str, np.ndarray]],
    labels: tuple[str, ...],
    label: str,
) -> Figure:
    """A line for each group: faces beside the heatmaps of their answers. `heatmaps` (classes, h, w) by row of split."""
    # In sides of a face: a pair is a face, a gap and its map; above each line there is room for two lines of text.
    pair, map_left, line = 2.4, 1.08, 1.55
    figure, axis = picture_axes(GALLERY_PAIRS * pair, len(groups) * line, (10, 5.2))
    titles = {"correct": f"{label},\ncorrect", "missed": f"{label},\nmissed", "wrong": f"other,\nanswered\n{label}"}
    for place, (name, rows) in enumerate(groups):
        top = place * line + line - 1
        axis.text(-0.12, top + 0.5, titles[name], ha="right", va="center", fontsize=10)
        if len(rows) == 0:
            axis.text(0, top + 0.5, "none", va="center", color=SOFT)
        for column, row in enumerate(rows):
            left = column * pair
            answer = int(probabilities[row].argmax())
            truth = int(split.labels[row])
            show_face(axis, split.faces[row], left, top)
            show_face(axis, split.faces[row], left + map_left, top)
            _heat(axis, heatmaps[int(row)][answer], left + map_left, top)
            text = {"ha": "center", "va": "bottom", "fontsize": 8.5}
            axis.text(left + 0.5, top - 0.05, f"label\n{labels[truth]}", **text)
            answered = f"answer {probabilities[row, answer]:.0%}\n{labels[answer]}"
            colour = TEAL if answer == truth else RED
            axis.text(left + map_left + 0.5, top - 0.05, answered, color=colour, **text)
    figure.suptitle(f"Grad-CAM: {label} (validation; the map is of the answer)", fontweight="bold")
    return figure


def _heat(axis: Axes, heatmap: np.ndarray, left: float, top: float) -> None:
    """Draw a map (h, w) over the face at (left, top), scaled to its maximum, smooth, transparent where it is low."""
    peak = float(heatmap.max())
    scaled = heatmap / peak if peak > 0 and math.isfinite(peak) else np.zeros_like(heatmap)
    axis.imshow(
        scaled,
        cmap="turbo",
        vmin=0,
        vmax=1,
        alpha=0.65 * scaled,
        interpolation="bilinear",
        extent=(left, left + 1, top + 1, top),
    )
