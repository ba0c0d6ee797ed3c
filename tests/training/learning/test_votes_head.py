"""A network gets a votes head, and its label head answers as before."""

import json
from pathlib import Path

import numpy as np
import pytest

from service.classifier import EmotionClassifier
from tests.training.csv_files import write_votes
from training.__main__ import main
from training.data.dataset import Dataset
from training.learning import checkpoints, network, votes, votes_head
from training.learning.predict import predict, predict_heads
from training.learning.votes import VoteShares
from training.learning.votes_head import Fit
from training.release import shipped
from training.release.export import export

FIT = Fit(views=2, strength=0.0)


@pytest.fixture(scope="module")
def next_label(data: Dataset) -> VoteShares:
    """What voters see is always the next label, but in the first ten train faces, which have no votes."""
    hard = [np.eye(7, dtype=np.float32)[(split.labels + 1) % 7] for split in data.splits().values()]
    hard[0][:10] = 0
    return VoteShares(hard[0], hard[1], "the next")


@pytest.fixture(scope="module")
def added(run: Path, data: Dataset, next_label: VoteShares, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("added")
    model, _, metadata = checkpoints.load_kept(run)
    history = json.loads((run / checkpoints.HISTORY).read_text())
    votes_head.add(model, metadata, history, data, next_label, FIT, folder)
    return folder


def test_it_learns_the_votes_and_the_labels_stay(added: Path, run: Path, data: Dataset, next_label: VoteShares) -> None:
    before, _, _ = checkpoints.load_kept(run)
    after, recipe, _ = checkpoints.load_kept(added)
    assert recipe.votes_weight > 0
    answers = predict_heads(after, data.train.faces)
    np.testing.assert_array_equal(answers[network.LABELS], predict(before, data.train.faces))
    loss, agreement = votes.agreement(next_label.train, answers[network.VOTES])
    assert loss < np.log(7) < votes.agreement(next_label.train, answers[network.LABELS])[0]
    assert agreement > 2 / 7


def test_the_head_is_where_the_loss_is_least() -> None:
    random = np.random.default_rng(0)
    features = random.normal(3, [1, 5, 0.2], (400, 3)).astype(np.float32)
    # Shares that a linear layer has made come back.
    kernel, bias = np.array([[1.0, -1], [0.1, 0.2], [0, 2]]), np.array([0.5, -0.5])
    logits = features @ kernel + bias
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    found_kernel, found_bias = votes_head._fit(features, shares.astype(np.float32), 0.0)
    found = features @ found_kernel + found_bias
    np.testing.assert_allclose(found[:, 0] - found[:, 1], logits[:, 0] - logits[:, 1], atol=0.05)
    # A large penalty leaves nothing but the mean shares, in the bias.
    found_kernel, found_bias = votes_head._fit(features, shares.astype(np.float32), 1e3)
    assert np.abs(found_kernel * features.std(0)[:, None]).max() < 1e-2
    mean = features.mean(0) @ found_kernel + found_bias
    assert mean[0] - mean[1] == pytest.approx(np.log(shares[:, 0].mean() / shares[:, 1].mean()), abs=0.02)


def test_how_it_was_fitted_and_what_was_trained_is_kept(added: Path, run: Path) -> None:
    before, after = checkpoints.training_record(run), checkpoints.training_record(added)
    assert after["votes_fit"] == {"views": 2, "strength": 0.0, "penalty": FIT.penalty, "seed": 1}
    assert after["votes"] == "the next"
    assert before["votes_fit"] is None
    for name in ("history", "started_from", "exported_epoch", "averaged_with", "soft"):
        assert after[name] == before[name]


def test_a_run_is_not_overwritten(added: Path, run: Path, data: Dataset, next_label: VoteShares) -> None:
    model, _, metadata = checkpoints.load_kept(run)
    with pytest.raises(ValueError, match="holds a run"):
        votes_head.add(model, metadata, [], data, next_label, FIT, added)


def test_a_file_gets_the_head_and_answers_as_before(
    model_path: Path, data: Dataset, next_label: VoteShares, tmp_path: Path
) -> None:
    model, metadata, history = shipped.as_run(model_path, data.train.faces)
    votes_head.add(model, metadata, history, data, next_label, FIT, tmp_path / "run")
    export(tmp_path / "run", data, tmp_path / "emotion.onnx")
    before, after = (EmotionClassifier(path) for path in (model_path, tmp_path / "emotion.onnx"))
    one, other = (classifier.classify(data.validation.faces) for classifier in (before, after))
    assert one.votes is None
    assert other.votes is not None
    np.testing.assert_allclose(other.probabilities, one.probabilities, atol=1e-4)
    assert before.contract.metrics["accuracy"] == after.contract.metrics["accuracy"]


def test_the_command(run: Path, csv_path: Path, data: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    rows = np.random.default_rng(0).multinomial(10, [0.1] * 10, sum(len(split) for split in data.splits().values()))
    path = write_votes(tmp_path / "fer2013new.csv", data, rows.tolist())
    arguments = ["--data", csv_path, "--partial", "--votes", path, "--from", run, "--run", tmp_path / "run"]
    assert main(["votes", *map(str, arguments)]) == 0
    assert "agreement with voters 0." in capsys.readouterr().out
    assert checkpoints.load_kept(tmp_path / "run")[0].get_layer(network.VOTES)
    # The shipped network was trained on FER-2013, which this is not.
    arguments[-3:] = ["shipped", "--run", tmp_path / "other"]
    assert main(["votes", *map(str, arguments)]) == 1
    assert "was trained on other data" in capsys.readouterr().err
