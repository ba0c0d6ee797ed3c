"""The order of the steps and what is found in a data folder; the steps themselves have tests of their own."""

from pathlib import Path

import pytest

import training.__main__ as command_line
from training import all as whole_way


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ([], "."),
        (["fer2013.csv"], "fer2013.csv"),
        (["fer2013.csv.xz", "fer2013new.csv"], "fer2013.csv.xz"),
        (["icml_face_data.csv.gz"], "icml_face_data.csv.gz"),
        (["archive.zip", "fer2013new.csv"], "archive.zip"),
        (["train/happy/1.jpg", "archive.zip"], "."),
    ],
)
def test_finds_the_data_in_a_folder(tmp_path: Path, names: list[str], found: str) -> None:
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert whole_way.find_data(tmp_path) == tmp_path / found


def test_votes_are_for_the_csv(tmp_path: Path) -> None:
    (tmp_path / "fer2013new.csv").touch()
    (tmp_path / "fer2013.csv").touch()
    assert whole_way.find_votes(tmp_path) == tmp_path / "fer2013new.csv"
    assert whole_way.find_votes(tmp_path / "fer2013.csv") == tmp_path / "fer2013new.csv"
    (tmp_path / "train").mkdir()
    assert whole_way.find_votes(tmp_path) is None


def test_a_file_is_taken_as_it_is(tmp_path: Path) -> None:
    assert whole_way.find_data(tmp_path / "mine.csv") == tmp_path / "mine.csv"


@pytest.mark.parametrize("begun", [False, True])
def test_runs_the_steps_in_order_until_one_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begun: bool) -> None:
    (tmp_path / "fer2013.csv").touch()
    (tmp_path / "fer2013new.csv").touch()
    if begun:
        (tmp_path / "checkpoint.npz").touch()
    ran: list[list[str]] = []

    def run(step: list[str]) -> int:
        ran.append(step)
        return 1 if step[0] == "export" else 0

    monkeypatch.setattr(command_line, "main", run)
    status = whole_way.main(["--data", str(tmp_path), "--run", str(tmp_path), "--epochs", "2"])

    assert status == 1
    assert [step[0] for step in ran] == ["figures", "train", "export"]
    train = ran[1]
    assert train[train.index("--data") + 1] == str(tmp_path / "fer2013.csv")
    # A checkpoint holds what it learns from.
    how = ["--resume"] if begun else ["--votes", str(tmp_path / "fer2013new.csv")]
    assert train[-2 - len(how) :] == [*how, "--epochs", "2"]
