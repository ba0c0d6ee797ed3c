"""A run that was stopped and went on is the run that was not stopped, bit for bit."""

import json
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from training.data.dataset import Dataset, Split
from training.learning.checkpoints import BEST, CHECKPOINT, HISTORY, fingerprint, load_best, read_checkpoint
from training.learning.interrupt import Interrupted
from training.learning.predict import predict, score
from training.learning.recipe import Recipe
from training.learning.targets import Soft
from training.learning.train import Trainer

# Three batches an epoch. One size: what takes the time here is compiling, once for each trainer and size.
RECIPE = Recipe(epochs=2, batch=21, sizes=((1.0, 24),), widths=(4, 8, 8), blocks=(1, 1))


class Stopped(Trainer):
    """Presses Ctrl-C during one of its steps."""

    def __init__(self, at: int, recipe: Recipe, data: Dataset, soft: Soft | None, times: int = 1):
        super().__init__(recipe, data, soft)
        self.at, self.times = at, times

    def step(self, rows: np.ndarray, size: int) -> None:
        if self.progress.step == self.at:
            for _ in range(self.times):
                signal.raise_signal(signal.SIGINT)
        super().step(rows, size)


@pytest.fixture(scope="module")
def uninterrupted(data: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("uninterrupted")
    Trainer(RECIPE, data, None).run(folder)
    return folder


def timeless(history: list[dict]) -> list[dict]:
    return [{key: value for key, value in row.items() if key != "seconds"} for row in history]


def test_interrupted_and_resumed_is_the_same_run(uninterrupted: Path, data: Dataset, tmp_path: Path) -> None:
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(Interrupted):
        Stopped(0, RECIPE, data, None).run(tmp_path)
    assert signal.getsignal(signal.SIGINT) is handler
    words, _ = read_checkpoint(tmp_path / CHECKPOINT)
    assert words["progress"]["step"] == 1

    # Once more, during the epoch's last batch, from where the next epoch begins.
    resumed = Stopped(2, RECIPE, data, None)
    resumed.restore(tmp_path)
    with pytest.raises(Interrupted):
        resumed.run(tmp_path)
    resumed.restore(tmp_path)
    assert resumed.progress.step == 3
    assert len(resumed.progress.history) == 1
    resumed.run(tmp_path)

    for name in (CHECKPOINT, BEST):
        words, arrays = read_checkpoint(tmp_path / name)
        wanted_words, wanted = read_checkpoint(uninterrupted / name)
        assert arrays.keys() == wanted.keys()
        for key, value in wanted.items():
            np.testing.assert_array_equal(arrays[key], value, err_msg=key)
        assert words["recipe"] == wanted_words["recipe"]
    assert {key.split("/")[0] for key in wanted} == {"average"}
    histories = [json.loads((folder / HISTORY).read_text()) for folder in (tmp_path, uninterrupted)]
    assert timeless(histories[0]) == timeless(histories[1])
    assert [row["epoch"] for row in histories[0]] == [1, 2]


def test_a_checkpoint_holds_weights_average_and_optimiser(uninterrupted: Path) -> None:
    _, arrays = read_checkpoint(uninterrupted / CHECKPOINT)
    assert {key.split("/")[0] for key in arrays} == {"average", "model", "optimiser"}


def test_second_ctrl_c_stops_at_once_without_a_checkpoint(data: Dataset, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt) as caught:
        Stopped(0, RECIPE, data, None, times=2).run(tmp_path)
    assert caught.type is KeyboardInterrupt
    assert not (tmp_path / CHECKPOINT).exists()


def test_another_seed_is_another_run() -> None:
    assert Recipe(seed=1) != Recipe(seed=2)
    assert Recipe.from_json(json.dumps(RECIPE.__dict__)) == RECIPE


def test_other_recipe_or_data_are_refused(uninterrupted: Path, data: Dataset) -> None:
    with pytest.raises(ValueError, match="another recipe"):
        Trainer(replace(RECIPE, seed=2), data, None).restore(uninterrupted)
    other = replace(data, sha256="other")
    with pytest.raises(ValueError, match="other data"):
        Trainer(RECIPE, other, None).restore(uninterrupted)


def test_a_checkpoint_holds_the_soft_targets_of_its_run(data: Dataset, tmp_path: Path) -> None:
    soft = Soft(np.random.default_rng(0).dirichlet(np.ones(7), len(data.training)).astype(np.float32), "a die")
    begun = Trainer(RECIPE, data, soft)
    begun.save(tmp_path)
    restored = Trainer(RECIPE, data, None)
    assert not np.array_equal(restored.targets_at(0), begun.targets_at(0))
    restored.restore(tmp_path)
    np.testing.assert_array_equal(restored.targets_at(0), begun.targets_at(0))
    assert restored.soft is not None
    assert restored.soft.source == "a die"


def test_small_faces_come_first() -> None:
    recipe = Recipe(epochs=46)
    assert [recipe.size_at(epoch) for epoch in (0, 16, 17, 45)] == [40, 40, 48, 48]


def test_a_run_from_before_labels_were_recorded_is_fer2013_s(
    uninterrupted: Path, data: Dataset, tmp_path: Path
) -> None:
    for name in (BEST, CHECKPOINT):
        with np.load(uninterrupted / name) as file:
            arrays = dict(file)
        words = json.loads(str(arrays.pop("words")))
        assert words.pop("labels") == list(data.labels)
        np.savez(tmp_path / name, words=np.array(json.dumps(words)), **arrays)
    model, _, words = load_best(tmp_path)
    assert tuple(words["labels"]) == data.labels
    faces = data.public_test.faces
    np.testing.assert_array_equal(predict(model, faces), predict(load_best(uninterrupted)[0], faces))
    Trainer(RECIPE, data, None).restore(tmp_path)


def test_missing_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"checkpoint.npz does not exist; `python -m training train` writes it"):
        read_checkpoint(tmp_path / CHECKPOINT)


def test_the_rate_warms_up_and_falls_to_zero(data: Dataset) -> None:
    trainer = Trainer(RECIPE, data, None)
    rates = [trainer.rate_at(step) for step in range(7)]
    np.testing.assert_allclose(rates[:4], [0.1 / 3, 0.2 / 3, 0.1, 0.1])
    assert rates[3] > rates[4] > rates[5] > rates[6]
    assert rates[6] == pytest.approx(0, abs=1e-12)


def test_it_learns_and_the_best_is_what_was_scored(run: Path, data: Dataset) -> None:
    model, _, words = load_best(run)
    history = json.loads((run / HISTORY).read_text())
    best = max(history, key=lambda row: row["public_accuracy"])
    loss, accuracy = score(model, data.public_test)
    assert words["epoch"] == best["epoch"]
    assert loss == pytest.approx(best["public_loss"], rel=1e-5)
    assert accuracy == best["public_accuracy"]
    assert history[-1]["loss"] < history[0]["loss"]


def test_score_by_hand() -> None:
    class Bright:
        """Logits (0, brightness in the corner)."""

        def __call__(self, faces: np.ndarray, training: bool) -> tuple:
            corner = tf.cast(faces[:, 0, 0, 0], tf.float32)
            return tf.stack([tf.zeros_like(corner), corner], axis=1), None

    faces = np.zeros((3, 48, 48, 1), np.uint8)
    faces[1:, 0, 0, 0] = 1
    loss, accuracy = score(Bright(), Split(faces, np.array([0, 1, 0])), batch=2)
    assert accuracy == pytest.approx(2 / 3)
    assert loss == pytest.approx((np.log(2) + np.log1p(np.exp(-1)) + np.log1p(np.exp(1))) / 3, rel=1e-6)


def test_soft_targets_have_a_say_until_their_time_is_over(data: Dataset) -> None:
    soft = Soft(np.random.default_rng(0).dirichlet(np.ones(7), len(data.training)).astype(np.float32), "a die")
    recipe = replace(RECIPE, epochs=4, soft_share=0.5, soft_until=0.5)
    softened, plain = Trainer(recipe, data, soft), Trainer(recipe, data, None)
    for step in range(4 * softened.steps_per_epoch):
        same = np.array_equal(softened.targets_at(step), plain.targets_at(step))
        assert same == (step >= 2 * softened.steps_per_epoch)
        np.testing.assert_allclose(softened.targets_at(step).sum(1), 1, rtol=1e-5)


def test_augmentation_eases_from_its_time_on(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = replace(RECIPE, ease_from=0.5, eased=0.25)
    assert [recipe.strength_at(epoch) for epoch in (0, 1)] == [1.0, 0.25]
    seen = []

    def note(faces: tf.Tensor, _size: int, _step: tf.Tensor, strength: float) -> tf.Tensor:
        seen.append(strength)
        return tf.cast(faces, tf.float32)

    trainer = Trainer(recipe, data, None)
    monkeypatch.setattr(trainer, "_augment", note)
    for _ in range(recipe.epochs * trainer.steps_per_epoch):
        trainer.step(np.arange(21), 48)
    assert seen == [1.0] * trainer.steps_per_epoch + [0.25] * trainer.steps_per_epoch


def test_the_average_that_is_kept_takes_a_face_and_its_mirror_image_for_one(run: Path, data: Dataset) -> None:
    faces = data.public_test.faces
    gaps = []
    for oriented in (True, False):
        model, _, _ = load_best(run, oriented=oriented)
        gaps.append(np.abs(predict(model, faces) - predict(model, faces[:, :, ::-1])).max())
    assert gaps[0] < 1e-4 < 1e-2 < gaps[1]


def test_a_run_begins_with_the_weights_of_another(uninterrupted: Path, data: Dataset) -> None:
    before, _, _ = load_best(uninterrupted)
    same = Trainer(RECIPE, data, None)
    same.start_from(uninterrupted)
    wanted, found = predict(before, data.public_test.faces), predict(same.average, data.public_test.faces)
    np.testing.assert_array_equal(found, wanted)


def test_a_finer_network_that_excites_begins_with_the_answers_of_the_coarse_one(data: Dataset, tmp_path: Path) -> None:
    coarse = replace(RECIPE, epochs=1, fine=False, squeeze=0)
    Trainer(coarse, data, None).run(tmp_path)
    before, _, _ = load_best(tmp_path, oriented=False)
    finer = Trainer(replace(RECIPE, fine=True, squeeze=2), data, None)
    finer.start_from(tmp_path)
    wanted, found = predict(before, data.public_test.faces), predict(finer.model, data.public_test.faces)
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    assert finer.started_from == fingerprint(value.numpy() for value in before.variables)
    with pytest.raises(ValueError, match="is of another network: stem/kernel does not fit"):
        Trainer(replace(RECIPE, widths=(6, 8, 8)), data, None).start_from(tmp_path)
