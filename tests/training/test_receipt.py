"""What is said of a model can be made again from its file and the data, and a changed figure is noticed."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from training import receipt
from training.__main__ import main
from training.data.dataset import Dataset
from training.release import evaluate
from training.release.figures import answers
from training.studies import duplicates, randomisation


@pytest.fixture(scope="module", autouse=True)
def small() -> Iterator[None]:
    """Few pictures and few shuffles: what they show is tested elsewhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(answers, "GALLERY_PAIRS", 1)
        patch.setattr(randomisation, "SHUFFLES", 1)
        patch.setattr(receipt, "EXPLAINED_FACES", 8)
        yield


@pytest.fixture(scope="module")
def votes(data: Dataset) -> tuple[np.ndarray, ...]:
    random = np.random.default_rng(0)
    return tuple(random.multinomial(10, [0.1] * 10, len(split)).astype(np.float32) for split in data.splits())


@pytest.fixture(scope="module")
def made(
    model_path: Path, data: Dataset, votes: tuple[np.ndarray, ...], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("receipt")
    receipt.receipt(model_path, data, votes, folder)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_everything_is_there(made: Path) -> None:
    found = json.loads((made / "metrics.json").read_text())
    assert set(found) >= {"model", "training", "splits", "robustness", "explanations", "duplicates"}
    for section in found["splits"].values():
        assert set(section) >= {"accuracy", "label_sets", "slices", "without_copies", "voters"}
    names = {path.name for path in (made / "figures").iterdir()}
    assert names >= {"robustness.png", "slices.png", "faithfulness.png", "duplicates.png", "voters.png", "curves.png"}
    card = (made / "MODEL_CARD.md").read_text()
    assert "## Faces as they come" in card
    assert "## Are the heatmaps true?" in card
    assert "answer is the voters' majority" in card
    assert "### The same photo twice" in card


def test_twice_gives_the_same_bytes(
    made: Path, model_path: Path, data: Dataset, votes: tuple[np.ndarray, ...], tmp_path: Path
) -> None:
    receipt.receipt(model_path, data, votes, tmp_path)
    assert contents(tmp_path) == contents(made)


def test_the_command_checks_what_was_said(
    model_path: Path, data: Dataset, csv_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = Path(shutil.copy(model_path, tmp_path))
    found = receipt.measure(model, data, None, duplicates.find(data))
    assert "voters" not in found["splits"]["PublicTest"]
    evaluate.write(found, tmp_path)
    assert "voters" not in (tmp_path / "MODEL_CARD.md").read_text()

    arguments = ["receipt", "--check", "--data", str(csv_path), "--partial", "--model", str(model)]
    assert main(arguments) == 0
    before = contents(tmp_path)
    found["splits"]["PrivateTest"]["accuracy"] += 0.01
    (tmp_path / "metrics.json").write_text(json.dumps(found))
    capsys.readouterr()
    assert main(arguments) == 1
    printed = capsys.readouterr()
    assert "splits/PrivateTest/accuracy: " in printed.out
    assert "MODEL_CARD.md is not what metrics.json makes" in printed.out
    assert "error: 2 figures beside" in printed.err
    assert contents(tmp_path).keys() == before.keys()


@pytest.mark.parametrize(
    ("said", "found", "lines"),
    [
        ({"a": 0.5}, {"a": 0.5019}, []),
        ({"a": 0.5}, {"a": 0.5021}, ["a: 0.5 was said, 0.5021 is found"]),
        ({"a": [3, 800]}, {"a": [3, 802]}, []),
        ({"a": [3, 800]}, {"a": [3, 803]}, ["a/1: 800 was said, 803 is found"]),
        ({"a": "x"}, {"a": "y"}, ['a: "x" was said, "y" is found']),
        ({"a": None}, {"a": 0.1}, ["a: null was said, 0.1 is found"]),
        ({"a": {"b": True}}, {"a": {"b": False}}, ["a/b: true was said, false is found"]),
        ({"a": [1]}, {"a": [1, 2]}, ["a: [1] was said, [1, 2] is found"]),
        ({"a": 1, "b": 1}, {"a": 1, "c": 1}, ["b is only in what was said", "c is only in what was found"]),
    ],
)
def test_differences(said: object, found: object, lines: list[str]) -> None:
    assert list(receipt.differences(said, found)) == lines
