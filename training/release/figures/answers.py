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

from training.data.dataset import SIZE, Dataset, Split
from training.release import evaluate
from training.release.figures.style import BLUE, INK, ORANGE, RED, SOFT, STYLE, TEAL, bars_size, save, show_face

GALLERY_PAIRS = 4


def draw_model(path: Path, data: Dataset, folder: Path) -> list[Path]:
    """Write confusion matrix, classification report and a Grad-CAM gallery per class, of the validation split.

    The file runs through the service's classifier. Returns the paths. Raises ValueError for a file that the service
    refuses or whose labels are not the data's.
    """
    classifier = evaluate.open_model(path)
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
    # Face, map, and a gap to the next pair.
    widths = (1, 1, 0.12) * GALLERY_PAIRS
    figure, axes = plt.subplots(len(groups), len(widths), figsize=(10, 5.4), width_ratios=widths)
    titles = {"correct": f"{label},\ncorrect", "missed": f"{label},\nmissed", "wrong": f"other,\nanswered\n{label}"}
    for line, (name, rows) in zip(axes, groups, strict=True):
        for axis in line:
            axis.axis("off")
        line[0].text(-0.12, 0.5, titles[name], transform=line[0].transAxes, ha="right", va="center", fontsize=10)
        if len(rows) == 0:
            line[0].text(0, 0.5, "none", transform=line[0].transAxes, va="center", color=SOFT)
        for place, row in enumerate(rows):
            plain, mapped = line[3 * place], line[3 * place + 1]
            answer = int(probabilities[row].argmax())
            truth = int(split.labels[row])
            show_face(plain, split.faces[row])
            show_face(mapped, split.faces[row])
            _heat(mapped, heatmaps[int(row)][answer])
            plain.set_title(f"label\n{labels[truth]}", fontsize=8.5, fontweight="normal", loc="center")
            mapped.set_title(
                f"answer {probabilities[row, answer]:.0%}\n{labels[answer]}",
                fontsize=8.5,
                fontweight="normal",
                loc="center",
                color=TEAL if answer == truth else RED,
            )
    figure.suptitle(f"Grad-CAM: {label} (validation; the map is of the answer)", fontweight="bold")
    return figure


def _heat(axis: Axes, heatmap: np.ndarray) -> None:
    """Draw a map (h, w) over a face, scaled to its maximum, smooth, and transparent where it is low."""
    peak = float(heatmap.max())
    scaled = heatmap / peak if peak > 0 and math.isfinite(peak) else np.zeros_like(heatmap)
    axis.imshow(
        scaled,
        cmap="turbo",
        vmin=0,
        vmax=1,
        alpha=0.65 * scaled,
        interpolation="bilinear",
        extent=(0, SIZE, SIZE, 0),
    )
