"""Figures are drawn, show something, and are small enough to be committed."""

import json
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

from training.data.dataset import LABELS, SIZE, Dataset, Split
from training.release.figures.answers import confusion, gallery_rows, report, report_picture
from training.release.figures.data import draw_data
from training.release.figures.style import STYLE, save
from training.release.figures.training import curves


@pytest.mark.parametrize(
    "name",
    [
        *("samples.png", "balance.png", "summary.txt", "network.png", "curves.png"),
        *("report.txt", "report.json", "report.png", "confusion.png"),
        *(f"gradcam_{label}.png" for label in LABELS),
        *("robustness.png", "slices.png", "faithfulness.png", "duplicates.png", "voters.png"),
    ],
)
def test_each_figure_is_drawn(released: Path, name: str) -> None:
    path = released / "figures" / name
    assert path.stat().st_size < 300_000
    if path.suffix != ".png":
        assert path.read_text().strip()
        return
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("L"))
    assert min(pixels.shape) >= 200
    assert 0.002 < float(np.mean(pixels < 200)) < 0.9


def test_text_files_say_what_they_are_about(released: Path) -> None:
    assert "(None, 48, 48, 1)" in (released / "figures" / "summary.txt").read_text()
    assert json.loads((released / "figures" / "report.json").read_text())["happy"]["support"] == 6


def test_the_same_data_gives_the_same_picture(data: Dataset, released: Path, tmp_path: Path) -> None:
    for path in draw_data(data, tmp_path):
        assert path.read_bytes() == (released / "figures" / path.name).read_bytes()


@pytest.mark.parametrize("count", [2, 20])
def test_figures_of_few_and_many_classes(tmp_path: Path, count: int) -> None:
    labels = tuple(f"$quite a long label ${index}" for index in range(count))
    random = np.random.default_rng(0)
    truth = np.repeat(np.arange(count), 5)
    split = Split(random.integers(0, 255, (len(truth), SIZE, SIZE, 1), dtype=np.uint8), truth)
    paths = draw_data(Dataset(split, split, split, sha256="", name="many", labels=labels), tmp_path)
    answers = random.permutation(truth)
    with mpl.rc_context(STYLE):
        paths.append(save(confusion(truth, answers, labels), tmp_path / "confusion.png"))
        numbers = report(truth, answers, labels)[1]
        paths.append(save(report_picture(numbers, labels), tmp_path / "report.png"))
    for path in paths:
        with Image.open(path) as picture:
            assert 150 <= min(picture.size) <= max(picture.size) <= 2200
        assert path.stat().st_size < 300_000


def test_curves_mark_where_the_size_changes() -> None:
    row = {"loss": 1, "accuracy": 0.5, "validation_loss": 1, "validation_accuracy": 0.5}
    history = [{"epoch": epoch, "size": size} | row for epoch, size in ((1, 36), (2, 36), (3, 48))]
    figure = curves(history, best_epoch=3)
    texts = [text.get_text() for axis in figure.axes for text in axis.texts]
    assert texts == ["48 px from here", "48 px from here"]


def test_gallery_has_correct_and_wrong_answers() -> None:
    truth = np.array([0, 0, 0, 1, 1, 2])
    answers = np.array([0, 0, 1, 0, 1, 2])
    groups = {name: sorted(rows.tolist()) for name, rows in gallery_rows(truth, answers, 0)}
    assert groups == {"correct": [0, 1], "missed": [2], "wrong": [3]}


@pytest.mark.parametrize(("truth", "answers", "share"), [([0, 1], [0, 1], "100.0 %"), ([0, 1], [1, 1], "50.0 %")])
def test_confusion_says_how_many_are_correct(truth: list[int], answers: list[int], share: str) -> None:
    figure = confusion(np.array(truth), np.array(answers), ("a", "b", "c"))
    assert share in figure.axes[0].get_title(loc="left") + figure.axes[0].get_title()
