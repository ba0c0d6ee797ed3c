"""The mean of runs is a run, and only of runs that have a mean."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.training.runs import TINY, write_run
from training.__main__ import main
from training.data.dataset import Dataset
from training.learning.average import average
from training.learning.checkpoints import load_kept, training_record
from training.learning.predict import score


@pytest.fixture(scope="module")
def twin(data: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the same network with other weights."""
    return write_run(tmp_path_factory.mktemp("twin"), replace(TINY, seed=9), data)


def weights(run: Path) -> list[np.ndarray]:
    return [value.numpy() for value in load_kept(run)[0].variables]


def test_the_mean_of_runs_is_a_run(run: Path, twin: Path, data: Dataset, tmp_path: Path) -> None:
    mean = tmp_path / "mean"
    figures = average([run, twin], mean, data)
    for one, other, found in zip(weights(run), weights(twin), weights(mean), strict=True):
        np.testing.assert_allclose(found, (one + other) / 2, atol=1e-6)
    assert [name for name, _, _ in figures] == [run.name, twin.name, "mean"]
    for folder, (_, loss, accuracy) in zip((run, twin, mean), figures, strict=True):
        assert (loss, accuracy) == score(load_kept(folder)[0], data.validation)
    record = training_record(mean)
    assert record["history"] == training_record(run)["history"]
    beside = {"name": twin.name, "share": 0.5, "epoch": 1, "seed": 9, "with_validation": False, "seconds": 2.5}
    assert record["averaged_with"] == [beside]


def test_a_run_that_is_given_twice_counts_twice(run: Path, twin: Path, data: Dataset, tmp_path: Path) -> None:
    figures = average([run, run, twin], tmp_path / "mean", data)
    for one, other, found in zip(weights(run), weights(twin), weights(tmp_path / "mean"), strict=True):
        np.testing.assert_allclose(found, (2 * one + other) / 3, atol=1e-6)
    assert [name for name, _, _ in figures] == [run.name, twin.name, "mean"]
    (other_run,) = training_record(tmp_path / "mean")["averaged_with"]
    assert other_run["share"] == pytest.approx(1 / 3)


def test_the_command_says_what_each_reaches(
    run: Path,
    twin: Path,
    csv_path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    where = ["--data", str(csv_path), "--partial", "--run", str(tmp_path / "mean")]
    assert main(["average", *where, "--of", str(run), "--of", str(twin)]) == 0
    lines = capfd.readouterr().out.strip().splitlines()
    assert [line.split(": validation accuracy ")[0] for line in lines] == [run.name, twin.name, "mean"]
    assert main(["average", *where, "--of", str(run), "--of", str(twin)]) == 1
    assert "holds a run; name another --run for the mean." in capfd.readouterr().err


def test_what_has_no_mean_is_refused(run: Path, data: Dataset, tmp_path: Path) -> None:
    other = write_run(tmp_path / "other", replace(TINY, widths=(6, 8, 8)), data)
    for runs, message in (([run], "at least two runs"), ([run, other], "is another network than")):
        with pytest.raises(ValueError, match=message):
            average(runs, tmp_path / "mean", data)
    with pytest.raises(FileNotFoundError, match="does not exist"):
        average([run, tmp_path], tmp_path / "mean", data)
    with pytest.raises(ValueError, match="was trained on other data"):
        average([run, Path(shutil.copytree(run, tmp_path / "copy"))], tmp_path / "mean", replace(data, sha256="0"))
    assert not (tmp_path / "mean").exists()
