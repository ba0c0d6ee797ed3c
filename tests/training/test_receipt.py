"""What is said of a model is what its file and the data give, and a changed figure is noticed."""

import json
import shutil
from pathlib import Path

import pytest

from training import receipt
from training.__main__ import main
from training.data import duplicates
from training.data.dataset import Dataset
from training.data.votes import load_votes
from training.release import evaluate
from training.studies import randomisation


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def beside(model_path: Path, released: Path, tmp_path: Path) -> Path:
    """The model with what is said of it beside it."""
    for path in (model_path, released / "metrics.json", released / "MODEL_CARD.md"):
        shutil.copy(path, tmp_path)
    return tmp_path / model_path.name


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """As few faces and shuffles as `released` has."""
    monkeypatch.setattr(randomisation, "SHUFFLES", 1)
    monkeypatch.setattr(receipt, "EXPLAINED_FACES", 8)


def test_everything_is_there(released: Path) -> None:
    found = json.loads((released / "metrics.json").read_text())
    assert set(found) >= {"model", "training", "splits", "robustness", "explanations", "duplicates"}
    for section in found["splits"].values():
        assert set(section) >= {"accuracy", "prediction_sets", "slices", "without_copies", "voters", "ten_crop"}
        assert "votes" not in section
    assert "adjustment" in found["splits"]["validation"]
    assert "adjustment" not in found["splits"]["test"]
    names = {path.name for path in (released / "figures").iterdir()}
    assert names >= {"robustness.png", "slices.png", "faithfulness.png", "duplicates.png", "voters.png", "curves.png"}
    card = (released / "MODEL_CARD.md").read_text()
    assert "## Changed pictures" in card
    assert "## Are the heatmaps faithful?" in card
    assert "answer is the voters' majority" in card
    assert "### The same photo twice" in card


def test_a_votes_head_is_measured_on_both_splits(
    voted_path: Path, data: Dataset, votes_path: Path, tmp_path: Path
) -> None:
    found = receipt.measure(voted_path, data, load_votes(votes_path, data), duplicates.find(data))
    for section in found["splits"].values():
        assert 0 <= section["votes"]["error"] <= 1
        assert section["votes"]["answer_is_majority"]["faces"] == section["voters"]["answer_is_majority"]["faces"]
    evaluate.write(found, tmp_path)
    assert "## Two answers" in (tmp_path / "MODEL_CARD.md").read_text()
    assert receipt.compare(tmp_path, found) == []
    # Without the votes of FER+, what the file says of its head is left.
    assert "votes" not in receipt.measure(voted_path, data, None, duplicates.find(data))["splits"]["test"]


def test_the_command_confirms_what_is_true_and_writes_nothing(
    beside: Path, csv_path: Path, votes_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(beside.parent)
    data = ["--data", str(csv_path), "--partial", "--votes", str(votes_path)]
    assert main(["receipt", "--check", *data, "--model", str(beside)]) == 0
    assert capsys.readouterr().out.startswith("the figures and the card beside ")
    assert contents(beside.parent) == before


def test_the_command_names_what_was_changed(beside: Path, csv_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = json.loads((beside.parent / "metrics.json").read_text())
    # Without votes there is nothing to be said of voters.
    for section in said["splits"].values():
        del section["voters"]
    evaluate.write(said, beside.parent)
    assert "voters" not in (beside.parent / "MODEL_CARD.md").read_text()
    said["splits"]["test"]["accuracy"] += 0.01
    (beside.parent / "metrics.json").write_text(json.dumps(said))
    assert main(["receipt", "--check", "--data", str(csv_path), "--partial", "--model", str(beside)]) == 1
    printed = capsys.readouterr()
    assert "splits/test/accuracy: " in printed.out
    assert "MODEL_CARD.md is not what metrics.json gives" in printed.out
    assert "error: 2 figures beside" in printed.err


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
