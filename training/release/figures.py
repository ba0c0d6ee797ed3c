"""The pictures a model is described by: data, network, learning curves, mistakes and heatmaps."""

import io
import itertools
import json
import math
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")  # no window, so no display is needed

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image
from sklearn.metrics import classification_report
from tqdm import tqdm

from training.data.dataset import SIZE, SPLITS, Dataset, Split

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
    # A label is a name, whatever dollar signs are in it.
    "text.parse_math": False,
}
SAMPLES = 8
GALLERY_PAIRS = 4
SPLIT_COLOURS = dict(zip(SPLITS, (BLUE, TEAL, ORANGE), strict=True))


def of_data(data: Dataset, folder: Path) -> list[Path]:
    """samples.png and balance.png."""
    with mpl.rc_context(STYLE):
        return [
            save(samples(data), folder / "samples.png"),
            save(balance(data), folder / "balance.png"),
        ]


def of_training(story: dict, folder: Path) -> list[Path]:
    """summary.txt, network.png and curves.png of a run's or a file's story (`train.story`)."""
    import keras

    from training.learning import network
    from training.learning.train import Recipe

    shape = Recipe.from_json(json.dumps(story["recipe"])).shape(story["classes"])
    model = network.build(shape)
    lines: list[str] = []
    # The network takes any size while it is trained; at the size it is used, the summary says sizes.
    keras.models.clone_model(model, keras.Input((SIZE, SIZE, 1), name="faces")).summary(print_fn=lines.append)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "summary.txt").write_text("\n".join(lines) + "\n")
    work = network.multiply_adds(shape)
    with mpl.rc_context(STYLE):
        return [
            folder / "summary.txt",
            save(blocks(network.outline(shape), model.count_params(), work), folder / "network.png"),
            save(curves(story["history"], story["exported_epoch"]), folder / "curves.png"),
        ]


def of_model(path: Path, data: Dataset, folder: Path) -> list[Path]:
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


def save(figure: Figure, path: Path) -> Path:
    """As PNG with a palette: a third of the size, for files that are committed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    drawn = io.BytesIO()
    figure.savefig(drawn)
    plt.close(figure)
    with Image.open(drawn) as picture:
        # Pillow dithers only towards a palette that it is given, so text and white stay clean.
        picture.convert("RGB").quantize(256).save(path, optimize=True)
    return path


# --- data --------------------------------------------------------------------------------------


def samples(data: Dataset) -> Figure:
    """Training faces of each class, drawn with a fixed seed."""
    split, labels = data.training, data.labels
    figure, axes = plt.subplots(len(labels), SAMPLES, figsize=(SAMPLES * 0.7 + 1, len(labels) * 0.72 + 0.4))
    random = np.random.default_rng(0)
    for label, row in zip(range(len(labels)), axes, strict=True):
        of_label = np.flatnonzero(split.labels == label)
        drawn = random.permutation(of_label)[:SAMPLES]
        for axis in row:
            axis.axis("off")
        for axis, face in zip(row, drawn, strict=False):
            _face(axis, split.faces[face])
        row[0].text(-0.15, 0.5, labels[label], transform=row[0].transAxes, ha="right", va="center", fontsize=11)
    figure.suptitle(f"{data.name}, training faces by label", fontweight="bold")
    return figure


def balance(data: Dataset) -> Figure:
    """Faces per class in each split: counts, and the share of the split on the axis."""
    figure, axis = plt.subplots(figsize=_bars_size(data.labels))
    height = 0.27
    for place, (name, counts) in enumerate(data.counts().items()):
        shares = 100 * np.array(counts) / sum(counts)
        bars = axis.barh(
            np.arange(len(counts)) + (place - 1) * height,
            shares,
            height * 0.92,
            color=SPLIT_COLOURS[name],
            label=f"{name} ({sum(counts):,})",
        )
        axis.bar_label(bars, [f"{count:,}" for count in counts], padding=3, fontsize=8, color=SOFT)
    axis.set_yticks(range(len(data.labels)), data.labels)
    axis.invert_yaxis()
    axis.margins(x=0.07)
    axis.set_xlabel("share of the split's faces (%); number of faces beside each bar")
    axis.xaxis.grid(True)
    axis.set_axisbelow(True)
    # Outside: where classes are even, bars fill the axis.
    axis.legend(loc="upper left", bbox_to_anchor=(1, 1))
    axis.set_title("Class balance")
    return figure


def _bars_size(labels: tuple[str, ...]) -> tuple[float, float]:
    """Width and height in inches for three bars a label."""
    return 8, max(3.0, 0.6 * len(labels) + 0.6)


# --- network and run ---------------------------------------------------------------------------


def blocks(outline: Sequence[tuple[str, tuple[int, ...], int]], parameters: int, work: int) -> Figure:
    """The network from left to right: tall is large in pixels, wide is many channels."""
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
        "under each block: the size of what it gives (height x width x channels) and its parameters",
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
        public = [scale * row[f"public_{key}"] for row in history]
        axis.plot(epochs, [scale * row[key] for row in history], color=SOFT, label="Training, augmented", marker=".")
        axis.plot(epochs, public, color=BLUE, label="PublicTest, averaged weights", lw=2, marker=".")
        if best_epoch in epochs:
            at = public[epochs.index(best_epoch)]
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


# --- answers -----------------------------------------------------------------------------------


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
    figure, axis = plt.subplots(figsize=_bars_size(labels))
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


# --- Grad-CAM ----------------------------------------------------------------------------------


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
            _face(plain, split.faces[row])
            _face(mapped, split.faces[row])
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


def _face(axis: Axes, face: np.ndarray) -> None:
    axis.imshow(face[..., 0], cmap="gray", vmin=0, vmax=255, extent=(0, SIZE, SIZE, 0))


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
