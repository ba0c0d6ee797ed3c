"""Every train face is answered for by a network that was not trained on it, nor on a copy of it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.special import softmax

from tests.training.runs import TINY, write_run
from training.__main__ import main
from training.data.dataset import Dataset
from training.data.duplicates import Pairs
from training.learning import checkpoints, folds, teacher
from training.learning.checkpoints import load_kept
from training.learning.interrupt import Interrupted
from training.learning.predict import predict
from training.learning.targets import SoftTargets
from training.learning.train import Trainer
from training.learning.votes import VoteShares

RECIPE = replace(TINY, epochs=1, votes_weight=0.5, sizes=((1.0, 24),))


FRESH = [("fold4", 0), ("fold5", 0)]


def pairs_of(*rows: tuple[int, int]) -> Pairs:
    first, second = np.array(rows, int).reshape(-1, 2).T
    nothing = np.zeros(len(rows))
    return Pairs(first, second, nothing, nothing > 0, nothing > 0)


def test_folds_are_stratified_and_copies_stay_together() -> None:
    labels = np.repeat(np.arange(3), [200, 100, 25])
    # A chain of copies: 0, 10 and 20 are one photo though 0 and 20 were not found to be alike.
    found = folds.assign(labels, pairs_of((0, 10), (10, 20), (205, 310)), seed=1)
    assert len(set(found[[0, 10, 20]])) == 1
    assert found[205] == found[310]
    counts = np.array([np.bincount(labels[found == number], minlength=3) for number in range(folds.COUNT)])
    np.testing.assert_allclose(counts, np.tile([40, 20, 5], (5, 1)), atol=2)
    np.testing.assert_array_equal(found, folds.assign(labels, pairs_of((0, 10), (10, 20), (205, 310)), seed=1))
    assert not np.array_equal(found, folds.assign(labels, pairs_of((0, 10), (10, 20), (205, 310)), seed=2))


def test_a_fold_s_data_set_validates_with_what_it_lacks(data: Dataset) -> None:
    number_of = np.arange(len(data.train)) % folds.COUNT
    part = folds.without(data, number_of, 3)
    np.testing.assert_array_equal(part.train.faces, data.train.faces[number_of != 3])
    np.testing.assert_array_equal(part.validation.labels, data.train.labels[number_of == 3])
    assert len({data.sha256, part.sha256, folds.without(data, number_of, 2).sha256}) == 3
    assert part.sha256 != folds.without(data, number_of[::-1].copy(), 3).sha256


@pytest.fixture(scope="module")
def voted(data: Dataset) -> VoteShares:
    hard = [np.eye(7, dtype=np.float32)[split.labels] for split in data.splits().values()]
    return VoteShares(hard[0], hard[1])


@pytest.fixture(scope="module")
def trunk(data: Dataset, voted: VoteShares, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("trunk"), RECIPE, data, voted.validation)


def change_weights(trainer: Trainer, rows: np.ndarray, _size: int) -> None:
    """In place of a step, which takes seconds to compile for each fold: noise that depends on the batch."""
    random = np.random.default_rng(trainer.data.train.labels[rows])
    for variable in trainer.average.variables:
        variable.assign(variable * random.uniform(0.9, 1.1, variable.shape))
    trainer.progress.step += 1


@pytest.fixture(scope="module")
def answered(data: Dataset, trunk: Path, voted: VoteShares, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Finished folds; the third was interrupted once, after its first batch."""
    folder = tmp_path_factory.mktemp("folds")
    real, begun = Trainer.run, []

    def run(trainer: Trainer, into: Path) -> None:
        begun.append((into.name, trainer.progress.step))
        if begun[-1] == ("fold3", 0):
            into.mkdir()
            trainer.step(np.arange(21), 24)
            trainer.save(into)
            raise Interrupted
        real(trainer, into)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "step", change_weights)
        patch.setattr(Trainer, "run", run)
        with pytest.raises(Interrupted):
            folds.train_all(folder, data, RECIPE, trunk, voted)
        assert not (folder / folds.ANSWERS).exists()
        folds.train_all(folder, data, RECIPE, trunk, voted)
    assert begun == [("fold1", 0), ("fold2", 0), ("fold3", 0), ("fold1", 2), ("fold2", 2), ("fold3", 1), *FRESH]
    return folder


def test_each_face_is_answered_for_by_the_network_that_has_not_seen_it(answered: Path, data: Dataset) -> None:
    found = folds.read(answered, data)
    assert found.votes is not None
    for number in range(folds.COUNT):
        left_out = found.fold == number
        assert 8 <= left_out.sum() <= 17
        model, _, metadata = load_kept(answered / f"fold{number + 1}", oriented=False)
        assert metadata["data_sha256"] == folds.without(data, found.fold, number).sha256
        assert metadata["started_from"] is not None
        faces = data.train.faces[left_out]
        mean = (predict(model, faces) + predict(model, faces[:, :, ::-1])) / 2
        np.testing.assert_allclose(np.exp(found.labels[left_out]), softmax(mean, axis=1), atol=1e-5)
    np.testing.assert_allclose(np.exp(found.votes).sum(1), 1, atol=1e-5)


def test_figures_are_those_of_the_answers(answered: Path, data: Dataset) -> None:
    found = folds.read(answered, data)
    right = found.labels.argmax(1) == data.train.labels
    figures = found.figures
    assert figures["accuracy"] == right.mean()
    assert figures["accuracy_se"] == pytest.approx((right.mean() * (1 - right.mean()) / len(right)) ** 0.5)
    assert figures["cross_entropy"] == pytest.approx(
        -found.labels[np.arange(len(right)), data.train.labels].mean(), rel=1e-5
    )
    np.testing.assert_allclose(figures["accuracy_by_fold"], [right[found.fold == n].mean() for n in range(5)])
    assert 0 <= figures["validation_accuracy"] <= 1
    assert 0 <= figures["votes_agreement"] <= 1


def test_a_student_learns_from_the_answers(answered: Path, data: Dataset) -> None:
    found = folds.read(answered, data)
    soft = teacher.out_of_fold_targets(data, found, None)
    np.testing.assert_allclose(soft.targets, np.exp(found.labels), atol=1e-6)
    assert soft.source.startswith("out of fold, networks ")
    assert isinstance(soft, SoftTargets)


def test_other_data_or_seed_are_refused(answered: Path, trunk: Path, data: Dataset, voted: VoteShares) -> None:
    with pytest.raises(ValueError, match="was trained on other data"):
        folds.read(answered, replace(data, sha256="other"))
    with pytest.raises(ValueError, match="is of other data or another seed"):
        folds.train_all(answered, data, replace(RECIPE, seed=2), trunk, voted)


def test_the_command_without_folds_says_what_writes_them(
    csv_path: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ["train", "--data", str(csv_path), "--partial", "--run", str(tmp_path / "run")]
    assert main([*arguments, "--teacher-folds", str(tmp_path)]) == 1
    assert "answers.npz does not exist; `python -m training folds` writes it" in capfd.readouterr().err
    assert main([*arguments, "--teacher-folds", str(tmp_path), "--teacher", str(tmp_path)]) == 1
    assert "name one of them" in capfd.readouterr().err
    assert main([*arguments, "--votes-weight", "1"]) == 1
    assert "--votes-weight needs --votes" in capfd.readouterr().err
    assert not (tmp_path / "run" / checkpoints.CHECKPOINT).exists()
