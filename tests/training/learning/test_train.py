"""A run that was stopped and resumed is the run that was not stopped, bit for bit."""

import json
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.training.runs import TINY, write_run
from tests.training.trainers import Stoppable
from training.data.dataset import Dataset
from training.learning.checkpoints import BEST, CHECKPOINT, HISTORY, LAST, fingerprint, load_kept, read_checkpoint
from training.learning.interrupt import Interrupted
from training.learning.predict import predict
from training.learning.targets import SoftTargets
from training.learning.train import Trainer


@pytest.fixture(scope="module")
def soft(data: Dataset) -> SoftTargets:
    drawn = np.random.default_rng(0).dirichlet(np.ones(7), len(data.train))
    return SoftTargets(drawn.astype(np.float32), "a die")


def timeless(history: list[dict]) -> list[dict]:
    return [{key: value for key, value in row.items() if key != "seconds"} for row in history]


def test_interrupted_and_resumed_is_the_same_run(run: Path, trainer: Stoppable, tmp_path: Path) -> None:
    handler = signal.getsignal(signal.SIGINT)
    trainer.begin_again(stop_at=0)
    with pytest.raises(Interrupted):
        trainer.run(tmp_path)
    assert signal.getsignal(signal.SIGINT) is handler
    metadata, _ = read_checkpoint(tmp_path / CHECKPOINT)
    assert metadata["progress"]["step"] == 1

    # Once more, during the epoch's last batch, from where the next epoch begins.
    trainer.forget()
    trainer.stop_at = 2
    trainer.restore(tmp_path)
    with pytest.raises(Interrupted):
        trainer.run(tmp_path)
    trainer.forget()
    trainer.restore(tmp_path)
    assert trainer.progress.step == 3
    assert len(trainer.progress.history) == 1
    trainer.run(tmp_path)

    for name in (CHECKPOINT, LAST, BEST):
        metadata, arrays = read_checkpoint(tmp_path / name)
        expected_metadata, expected = read_checkpoint(run / name)
        assert arrays.keys() == expected.keys()
        for key, value in expected.items():
            np.testing.assert_array_equal(arrays[key], value, err_msg=key)
        assert metadata["recipe"] == expected_metadata["recipe"]
    histories = [json.loads((folder / HISTORY).read_text()) for folder in (tmp_path, run)]
    assert timeless(histories[0]) == timeless(histories[1])
    assert [row["epoch"] for row in histories[0]] == [1, 2, 3, 4]


def test_second_ctrl_c_stops_at_once_without_a_checkpoint(run: Path, trainer: Stoppable, tmp_path: Path) -> None:
    trainer.begin_again(stop_at=0, times=2)
    with pytest.raises(KeyboardInterrupt) as caught:
        trainer.run(tmp_path)
    assert caught.type is KeyboardInterrupt
    assert not (tmp_path / CHECKPOINT).exists()


def test_other_recipe_or_data_are_refused(run: Path, data: Dataset) -> None:
    with pytest.raises(ValueError, match="another recipe"):
        Trainer(replace(TINY, seed=2), data, None).restore(run)
    with pytest.raises(ValueError, match="was trained on other data"):
        Trainer(TINY, replace(data, sha256="other"), None).restore(run)


def test_a_checkpoint_holds_the_soft_targets_of_its_run(data: Dataset, soft: SoftTargets, tmp_path: Path) -> None:
    begun = Trainer(TINY, data, soft)
    begun.save(tmp_path)
    restored = Trainer(TINY, data, None)
    assert not np.array_equal(restored.targets_at(0), begun.targets_at(0))
    restored.restore(tmp_path)
    np.testing.assert_array_equal(restored.targets_at(0), begun.targets_at(0))
    assert restored.soft is not None
    assert restored.soft.source == "a die"


def test_the_rate_warms_up_and_falls_to_zero(data: Dataset) -> None:
    trainer = Trainer(replace(TINY, epochs=2), data, None)
    rates = [trainer.rate_at(step) for step in range(7)]
    np.testing.assert_allclose(rates[:4], [0.1 / 3, 0.2 / 3, 0.1, 0.1])
    assert rates[3] > rates[4] > rates[5] > rates[6]
    assert rates[6] == pytest.approx(0, abs=1e-12)


def test_the_rate_falls_to_the_final_rate(data: Dataset) -> None:
    trainer = Trainer(replace(TINY, epochs=2, final_rate=0.04), data, None)
    rates = [trainer.rate_at(step) for step in range(7)]
    np.testing.assert_allclose(rates[:4], [0.1 / 3, 0.2 / 3, 0.1, 0.1])
    assert rates[4] > rates[5] > 0.04
    assert rates[6] == pytest.approx(0.04)


def test_the_last_epoch_is_kept_beside_the_best(run: Path) -> None:
    metadata, last = read_checkpoint(run / LAST)
    assert metadata["epoch"] == TINY.epochs
    _, checkpoint = read_checkpoint(run / CHECKPOINT)
    assert last.keys() == {key for key in checkpoint if key.startswith("average/")}
    for key, value in last.items():
        np.testing.assert_array_equal(value, checkpoint[key])


def test_soft_targets_are_used_until_their_time_is_over(data: Dataset, soft: SoftTargets) -> None:
    recipe = replace(TINY, soft_share=0.5, soft_until=0.5)
    softened, plain = Trainer(recipe, data, soft), Trainer(recipe, data, None)
    for step in range(4 * softened.steps_per_epoch):
        same = np.array_equal(softened.targets_at(step), plain.targets_at(step))
        assert same == (step >= 2 * softened.steps_per_epoch)
        np.testing.assert_allclose(softened.targets_at(step).sum(1), 1, rtol=1e-5)


def test_batches_are_augmented_as_the_recipe_says(data: Dataset) -> None:
    trainer = Trainer(replace(TINY, ease_from=0.5, eased=0.0), data, None)
    rows = np.arange(21)
    faces = data.train.faces[rows]

    def only_mirrored() -> np.ndarray:
        found = trainer.batch(rows, 48).numpy()
        gaps = [np.abs(found - given).max((1, 2, 3)) for given in (faces, faces[:, :, ::-1])]
        return np.minimum(*gaps) < 0.01

    assert not only_mirrored().any()
    trainer.progress.step = 2 * trainer.steps_per_epoch
    assert only_mirrored().all()


def test_a_run_begins_with_the_weights_of_another(run: Path, data: Dataset) -> None:
    before, _, _ = load_kept(run)
    same = Trainer(TINY, data, None)
    same.start_from(run)
    expected, found = predict(before, data.validation.faces), predict(same.average, data.validation.faces)
    np.testing.assert_array_equal(found, expected)


def test_a_finer_network_that_excites_begins_with_the_answers_of_the_coarse_one(data: Dataset, tmp_path: Path) -> None:
    write_run(tmp_path, replace(TINY, fine=False, squeeze=0), data)
    before, _, _ = load_kept(tmp_path, oriented=False)
    finer = Trainer(replace(TINY, fine=True, squeeze=2), data, None)
    finer.start_from(tmp_path)
    expected, found = predict(before, data.validation.faces), predict(finer.model, data.validation.faces)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    assert finer.started_from == fingerprint(value.numpy() for value in before.variables)
    with pytest.raises(ValueError, match="is of another network: stem/kernel does not fit"):
        Trainer(replace(TINY, widths=(6, 8, 8)), data, None).start_from(tmp_path)
