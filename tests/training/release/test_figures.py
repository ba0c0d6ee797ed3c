"""Pictures are made, have something on them, and are small enough to be committed."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from training.data.dataset import LABELS, Dataset
from training.learning import checkpoints
from training.release.figures.answers import confusion, draw_model, gallery_rows
from training.release.figures.data import draw_data
from training.release.figures.training import curves, draw_training


def assert_drawn(path: Path) -> None:
    assert path.stat().st_size < 300_000
    if path.suffix != ".png":
        assert path.read_text().strip()
        return
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("L"))
    assert min(pixels.shape) >= 300
    assert 0.002 < float(np.mean(pixels < 200)) < 0.9


def test_data(data: Dataset, tmp_path: Path) -> None:
    made = draw_data(data, tmp_path / "figures")
    assert [path.name for path in made] == ["samples.png", "balance.png"]
    for path in made:
        assert_drawn(path)


def test_run(run: Path, tmp_path: Path) -> None:
    made = draw_training(checkpoints.story(run), tmp_path)
    assert [path.name for path in made] == ["summary.txt", "network.png", "curves.png"]
    for path in made:
        assert_drawn(path)
    assert "(None, 48, 48, 1)" in made[0].read_text()


def test_model(model_path: Path, data: Dataset, tmp_path: Path) -> None:
    made = draw_model(model_path, data, tmp_path)
    assert [path.name for path in made] == [
        "report.txt",
        "report.json",
        "report.png",
        "confusion.png",
        *(f"gradcam_{label}.png" for label in LABELS),
    ]
    for path in made:
        assert_drawn(path)
    assert json.loads((tmp_path / "report.json").read_text())["happy"]["support"] == 6


def test_curves_mark_where_the_size_changes() -> None:
    history = [
        {"epoch": epoch, "size": size, "loss": 1, "accuracy": 0.5, "public_loss": 1, "public_accuracy": 0.5}
        for epoch, size in ((1, 36), (2, 36), (3, 48))
    ]
    figure = curves(history, best_epoch=3)
    words = [text.get_text() for axis in figure.axes for text in axis.texts]
    assert words == ["48 px from here", "48 px from here"]


def test_gallery_has_right_and_wrong_answers() -> None:
    truth = np.array([0, 0, 0, 1, 1, 2])
    answers = np.array([0, 0, 1, 0, 1, 2])
    groups = {name: sorted(rows.tolist()) for name, rows in gallery_rows(truth, answers, 0)}
    assert groups == {"right": [0, 1], "missed": [2], "wrong": [3]}


@pytest.mark.parametrize(("truth", "answers", "right"), [([0, 1], [0, 1], "100.0 %"), ([0, 1], [1, 1], "50.0 %")])
def test_confusion_says_how_many_are_right(truth: list[int], answers: list[int], right: str) -> None:
    figure = confusion(np.array(truth), np.array(answers), ("a", "b", "c"))
    assert right in figure.axes[0].get_title(loc="left") + figure.axes[0].get_title()
