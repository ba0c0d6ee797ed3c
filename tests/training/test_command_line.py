"""What a person at the terminal sees."""

import shutil
from pathlib import Path

import pytest

from training.__main__ import main


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cache and the default folders are relative to where the command runs."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    "command", ["figures", "train", "votes", "average", "export", "evaluate", "receipt", "quantise", "framing"]
)
def test_help_explains(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([command, "--help"])
    assert caught.value.code == 0
    assert "--data" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["fly"], ["train", "--epochs", "many"], ["evaluate", "--split", "train"]])
def test_bad_usage_is_status_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage:" in capsys.readouterr().err


def failed(arguments: list[object], capsys: pytest.CaptureFixture[str]) -> str:
    """The one sentence of a command that ends with status 1."""
    assert main([str(argument) for argument in arguments]) == 1
    # Progress bars end in a line of their own.
    lines = capsys.readouterr().err.strip().splitlines()
    assert sum(line.startswith("error: ") for line in lines) == 1
    assert lines[-1].startswith("error: ")
    return lines[-1]


def test_missing_data(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("train", "export", "evaluate"):
        assert "data/fer2013.csv does not exist; FER-2013 is on Kaggle" in failed([command], capsys)


def test_partial_data_must_be_asked_for(csv_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "--partial" in failed(["train", "--data", csv_path], capsys)
    assert not Path("runs").exists()


def test_resume_without_a_checkpoint(csv_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    message = failed(["train", "--data", csv_path, "--partial", "--resume"], capsys)
    assert "runs/default/checkpoint.npz does not exist" in message


def test_a_run_is_not_overwritten_or_changed(run: Path, csv_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["train", "--data", csv_path, "--partial", "--run", run]
    assert "exists: pass --resume to continue" in failed(arguments, capsys)
    assert "was begun with epochs 4" in failed([*arguments, "--resume", "--epochs", "5"], capsys)
    assert "was begun with sizes ((1.0, 48),)" in failed([*arguments, "--resume", "--size", "24"], capsys)
    assert "was begun with widths (4, 8, 8)" in failed([*arguments, "--resume", "--widths", "8,8,8"], capsys)
    more = ["--resume", "--teacher", run]
    assert "leave out --votes, --teacher, --consistent, --teacher-folds and --from" in failed(
        [*arguments, *more], capsys
    )


@pytest.mark.parametrize("size", ["40.5", "44", "8", "many"])
def test_a_training_size_that_the_network_cannot_halve_thrice(size: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["train", "--size", size])
    assert f"argument --size: {size} is no multiple of 8 from 16 to 96" in capsys.readouterr().err


@pytest.mark.parametrize("widths", ["40,80", "40,80,161", "40,80,0", "wide"])
def test_widths_that_no_network_can_have(widths: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["train", "--widths", widths])
    assert f"argument --widths: {widths} is not three multiples of 4 from 4 to 1024" in capsys.readouterr().err


def test_resuming_a_finished_run_does_nothing(run: Path, csv_path: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(run, tmp_path / "copy"))
    before = (copy / "checkpoint.npz").read_bytes()
    arguments = ["train", "--data", csv_path, "--partial", "--run", copy, "--resume", "--epochs", "4"]
    assert main([str(argument) for argument in arguments]) == 0
    assert (copy / "checkpoint.npz").read_bytes() == before


def test_evaluate_without_a_model(csv_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "models/emotion.onnx does not exist" in failed(["evaluate", "--data", csv_path, "--partial"], capsys)


def test_figures_say_what_they_skip(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["figures"]) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert [line.removeprefix("skipped ") for line in captured.err.splitlines()] == [
        "samples and class balance: data/fer2013.csv does not exist",
        "network and curves: neither runs/default/best.npz nor models/emotion.onnx has a training record",
        "confusion matrix, report and heatmaps: data/fer2013.csv does not exist",
    ]
    assert main(["figures", "--run", str(run), "--out", "figures"]) == 0
    captured = capsys.readouterr()
    assert captured.out.split() == ["figures/summary.txt", "figures/network.png", "figures/curves.png"]
    assert "skipped samples and class balance" in captured.err


def test_figures_of_the_data_need_the_data(capsys: pytest.CaptureFixture[str]) -> None:
    assert "data/fer2013.csv does not exist" in failed(["figures", "--data-only"], capsys)
