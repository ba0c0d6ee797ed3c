"""The mean of runs is a run, and only of what has a mean."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from training.__main__ import main
from training.data.dataset import Dataset
from training.learning import checkpoints
from training.learning.average import average
from training.learning.checkpoints import load_best
from training.learning.predict import score
from training.learning.train import Trainer
from training.release.evaluate import evaluate
from training.release.export import export


@pytest.fixture(scope="module")
def twin(run: Path, data: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One more epoch from the run's weights on, with another seed."""
    folder = tmp_path_factory.mktemp("twin")
    trainer = Trainer(replace(load_best(run)[1], epochs=1, seed=9), data, None)
    trainer.start_from(run)
    trainer.run(folder)
    return folder


def weights(run: Path) -> list[np.ndarray]:
    return [value.numpy() for value in load_best(run)[0].variables]


def test_the_mean_of_runs_is_a_run(run: Path, twin: Path, data: Dataset, tmp_path: Path) -> None:
    mean = tmp_path / "mean"
    figures = average([run, twin], mean, data)
    for one, other, found in zip(weights(run), weights(twin), weights(mean), strict=True):
        np.testing.assert_allclose(found, (one + other) / 2, atol=1e-6)
    assert [name for name, _, _ in figures] == [run.name, twin.name, "mean"]
    for folder, (_, loss, accuracy) in zip((run, twin, mean), figures, strict=True):
        assert (loss, accuracy) == score(load_best(folder)[0], data.public_test)

    export(mean, data, tmp_path / "emotion.onnx")
    told = evaluate(tmp_path / "emotion.onnx", data, "PublicTest")["training"]
    assert [(other["seed"], other["epoch"]) for other in told["averaged_with"]] == [(9, 1)]
    alone = sum(epoch["seconds"] for epoch in checkpoints.story(run)["history"])
    assert told["seconds"] == pytest.approx(alone + told["averaged_with"][0]["seconds"])
    card = " ".join((tmp_path / "MODEL_CARD.md").read_text().split())
    assert "averaged with that of other runs (50% seed 9 after epoch 1; model soup" in card


def test_a_run_that_is_given_twice_counts_twice(run: Path, twin: Path, data: Dataset, tmp_path: Path) -> None:
    figures = average([run, run, twin], tmp_path / "mean", data)
    for one, other, found in zip(weights(run), weights(twin), weights(tmp_path / "mean"), strict=True):
        np.testing.assert_allclose(found, (2 * one + other) / 3, atol=1e-6)
    assert [name for name, _, _ in figures] == [run.name, twin.name, "mean"]
    (other_run,) = checkpoints.story(tmp_path / "mean")["averaged_with"]
    assert other_run["share"] == pytest.approx(1 / 3)


def test_the_command_tells_what_each_reaches(
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
    assert [line.split(": PublicTest accuracy ")[0] for line in lines] == [run.name, twin.name, "mean"]
    assert main(["average", *where, "--of", str(run), "--of", str(twin)]) == 1
    assert "holds a run; name another --run for the mean." in capfd.readouterr().err


def test_what_has_no_mean_is_refused(run: Path, data: Dataset, tmp_path: Path) -> None:
    other = tmp_path / "other"
    Trainer(replace(load_best(run)[1], epochs=1, widths=(6, 8, 8)), data, None).run(other)
    for runs, words in (([run], "at least two runs"), ([run, other], "is another network than")):
        with pytest.raises(ValueError, match=words):
            average(runs, tmp_path / "mean", data)
    with pytest.raises(FileNotFoundError, match="does not exist"):
        average([run, tmp_path], tmp_path / "mean", data)
    with pytest.raises(ValueError, match="was trained on other data"):
        average([run, Path(shutil.copytree(run, tmp_path / "copy"))], tmp_path / "mean", replace(data, sha256="0"))
    assert not (tmp_path / "mean").exists()
