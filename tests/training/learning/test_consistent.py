"""A teacher that answers for the pictures of a step."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from scipy.special import log_softmax, softmax

from tests.training.learning.test_teacher import votes_for
from tests.training.runs import TINY
from training.__main__ import main
from training.data.dataset import Dataset
from training.learning.checkpoints import load_kept
from training.learning.consistent import ConsistentTeacher
from training.learning.predict import predict
from training.learning.teacher import consistent_teacher
from training.learning.train import Trainer


@pytest.fixture(scope="module")
def teacher(data: Dataset, run: Path) -> ConsistentTeacher:
    votes = {name: votes_for(split.labels) for name, split in data.splits().items()}
    return consistent_teacher(data, [load_kept(run)[0]], votes)


def test_experts_answer_together(data: Dataset, teacher: ConsistentTeacher) -> None:
    faces = data.validation.faces[:5]
    read = np.random.default_rng(0).dirichlet(np.ones(7), 5).astype(np.float32)
    network, voters = teacher.weights
    logs = network * log_softmax(predict(teacher.networks[0], faces), axis=1) + voters * np.log(read)
    found = teacher.answer(tf.constant(faces, tf.float32), tf.constant(read))
    np.testing.assert_allclose(found, softmax(logs, axis=1), atol=1e-5)
    assert teacher.source.startswith("network ")
    assert ", FER+ votes (weight " in teacher.source
    assert teacher.source.endswith("), for the same augmented pictures")


def test_a_step_learns_what_the_teacher_says_of_its_pictures(data: Dataset, teacher: ConsistentTeacher) -> None:
    # Without warm-up and with a rate of zero the network stays as it is.
    recipe = replace(TINY, soft_share=0.7, learning_rate=0.0, warmup_epochs=0.0)
    trainer = Trainer(recipe, data, teacher)
    rows = np.arange(21)
    pictures = trainer.batch(rows, 48)
    assert np.abs(pictures - data.train.faces[rows]).max() > 1, "augmented"
    assert teacher.votes is not None
    wanted = 0.3 * trainer.label_targets[rows] + 0.7 * teacher.answer(pictures, tf.constant(teacher.votes[rows]))
    logits = trainer.model(pictures, training=True)[0].numpy()
    trainer.step(rows, 48)
    expected = -(wanted * log_softmax(logits, axis=1)).numpy().sum(1).mean()
    assert trainer.progress.loss_sum == pytest.approx(expected, rel=1e-4)


def test_a_checkpoint_holds_its_teacher(data: Dataset, teacher: ConsistentTeacher, tmp_path: Path) -> None:
    Trainer(TINY, data, teacher).save(tmp_path)
    restored = Trainer(TINY, data, None)
    restored.restore(tmp_path)
    assert restored.teacher is not None
    assert restored.teacher.source == teacher.source
    np.testing.assert_array_equal(restored.read, teacher.votes)
    faces, read = tf.constant(data.validation.faces[:3], tf.float32), tf.constant(restored.read[:3])
    np.testing.assert_array_equal(restored.teacher.answer(faces, read), teacher.answer(faces, read))


def test_consistency_needs_a_teacher(csv_path: Path, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["train", "--data", str(csv_path), "--partial", "--run", "new"]
    assert main([*given, "--consistent"]) == 1
    assert "--consistent says how a --teacher answers: name one." in capsys.readouterr().err
    assert main([*given, "--teacher", "shipped"]) == 1
    assert "--teacher shipped needs --consistent" in capsys.readouterr().err
