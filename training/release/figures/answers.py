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
from training.release.figures.style import BLUE, INK, ORANGE, RED, SOFT, STYLE, TEAL, bars_size, save, show_face

GALLERY_PAIRS = 4


def draw_model(path: Path, data: Dataset, folder: Path) -> list[Path]:
    """Confusion matrix, classification report and a Grad-CAM gallery per class; PublicTest, as the service runs it."""
    from training.release.evaluate import answer, check_labels, open_model

    classifier = open_model(path)
    check_labels(classifier, data)
    labels, split = classifier.contract.labels, data.public_test
    probabilities = answer(classifier, split.faces, "PublicTest")
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
    """Rows are the given labels: share of the row in colour and per cent, faces below it."""
    counts = np.zeros((len(labels), len(labels)), int)
    np.add.at(counts, (truth, answers), 1)
    shares = 100 * counts / np.maximum(counts.sum(1, keepdims=True), 1)
    side = max(4.4, 0.8 * len(labels) + 1)
    figure, axis = plt.subplots(figsize=(side + 0.8, side))
    image = axis.imshow(shares, cmap="Blues", vmin=0, vmax=100)
    for row, column in np.ndindex(*counts.shape):
        colour = "white" if shares[row, column] > 55 else INK
        axis.text(column, row - 0.08, f"{shares[row, column]:.0f} %", ha="center", va="center", color=colour)
        axis.text(column, row + 0.25, f"{counts[row, column]:,}", ha="center", va="center", color=colour, fontsize=7.5)
    # Longer ones would run into each other.
    slant = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if max(map(len, labels)) > 8 else {}
    axis.set_xticks(range(len(labels)), labels, **slant)
    axis.set_yticks(
        range(len(labels)), [f"{name}\n({total:,})" for name, total in zip(labels, counts.sum(1), strict=True)]
    )
    axis.set_xlabel("answered")
    axis.set_ylabel("label")
    axis.spines[:].set_visible(False)
    axis.tick_params(length=0)
    axis.set_title(f"PublicTest: {100 * np.trace(counts) / counts.sum():.1f} % of {counts.sum():,} faces right")
    figure.colorbar(image, ax=axis, shrink=0.8, label="% of the row").outline.set_visible(False)
    return figure


def report(truth: np.ndarray, answers: np.ndarray, labels: tuple[str, ...]) -> tuple[str, dict]:
    """scikit-learn's classification report, as text and as numbers."""
    shared = {"labels": range(len(labels)), "target_names": labels, "zero_division": 0}
    text = classification_report(truth, answers, digits=3, **shared)
    return text, classification_report(truth, answers, output_dict=True, **shared)


def report_picture(numbers: dict, labels: tuple[str, ...]) -> Figure:
    """Precision, recall and F1 of each class side by side."""
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
    axis.set_title(f"PublicTest by class (faces); macro-F1 {macro:.1%}")
    axis.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def gallery_rows(truth: np.ndarray, answers: np.ndarray, target: int) -> list[tuple[str, np.ndarray]]:
    """Up to GALLERY_PAIRS faces each: right, missed, and wrongly given this label; drawn with a fixed seed."""
    kinds = (
        ("right", (truth == target) & (answers == target)),
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
    """One line per group: each face beside the heatmap of the answer on it. `heatmaps` by row, (classes, h, w)."""
    # Face, map, and a gap to the next pair.
    widths = (1, 1, 0.12) * GALLERY_PAIRS
    figure, axes = plt.subplots(len(groups), len(widths), figsize=(10, 5.4), width_ratios=widths)
    titles = {"right": f"{label},\nanswered so", "missed": f"{label},\nmissed", "wrong": f"other,\nanswered\n{label}"}
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
    figure.suptitle(f"Grad-CAM: {label} (PublicTest, the map is of the answer)", fontweight="bold")
    return figure


def _heat(axis: Axes, heatmap: np.ndarray) -> None:
    """A map (h, w) scaled to its maximum, smooth, hiding the face only where it is hot."""
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
