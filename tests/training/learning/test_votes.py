"""The votes head learns what people see, and only where they see one of the seven labels."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.training.csv_files import votes_of
from tests.training.runs import TINY
from tests.training.trainers import Stoppable
from training.data.dataset import Dataset
from training.learning import network, votes
from training.learning.checkpoints import HISTORY, LAST, read_checkpoint
from training.learning.predict import predict, predict_heads, score_logits
from training.learning.recipe import Recipe
from training.learning.train import Trainer
from training.learning.votes import VoteShares

RECIPE = replace(TINY, epochs=3, votes_weight=1.0)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (votes_of(anger=10), [1, 0, 0, 0, 0, 0, 0]),
        (votes_of(neutral=6, sadness=2, fear=2), [0, 0, 0.2, 0, 0.2, 0, 0.6]),
        # One vote is noise; contempt and unknown are no label of ours, and take no share.
        (votes_of(happiness=6, surprise=1, contempt=3), [0, 0, 0, 1, 0, 0, 0]),
        (votes_of(disgust=5, unknown=5), [0, 1, 0, 0, 0, 0, 0]),
        (votes_of(disgust=4, unknown=3, NF=3), [0] * 7),
        (votes_of(contempt=9, neutral=1), [0] * 7),
        (votes_of(NF=10), [0] * 7),
        (votes_of(), [0] * 7),
    ],
)
def test_shares_of_votes(given: list[int], wanted: list[float]) -> None:
    np.testing.assert_allclose(votes.shares(np.array([given], np.float32)), [wanted], rtol=1e-6)


def test_votes_are_for_fer2013_s_labels(data: Dataset) -> None:
    with pytest.raises(ValueError, match="the data has cat, dog"):
        votes.vote_shares({}, replace(data, labels=("cat", "dog")))


def test_the_loss_is_of_the_faces_that_have_a_say() -> None:
    logits = tf.Variable([[0.0, np.log(3.0)], [5.0, -5.0]])
    wanted = tf.constant([[0.25, 0.75], [0.0, 0.0]])
    with tf.GradientTape() as tape:
        loss = votes.loss(wanted, logits)
    assert float(loss) == pytest.approx(-0.25 * np.log(0.25) - 0.75 * np.log(0.75))
    # The answer is the target, and the other row is left out.
    np.testing.assert_allclose(tape.gradient(loss, logits), np.zeros((2, 2)), atol=1e-6)
    # Half of a face with votes, and half of one without: the same mean, with half the weight in a batch.
    assert float(votes.loss(wanted / 2 + wanted[::-1] / 2, tf.zeros((2, 2)))) == pytest.approx(np.log(2))
    assert float(votes.loss(tf.zeros((2, 2)), logits)) == 0


def test_agreement_by_hand() -> None:
    wanted = np.array([[0.6, 0.4], [0.2, 0.8], [0.5, 0.5], [0, 0]])
    logits = np.log([[0.5001, 0.4999], [0.9, 0.1], [0.5, 0.5], [0.5, 0.5]])
    loss, share = votes.agreement(wanted, logits)
    assert share == 0.5
    losses = [-(one * other).sum() for one, other in zip(wanted[:3], logits[:3], strict=True)]
    assert loss == pytest.approx(np.mean(losses))
    assert np.isnan(votes.agreement(wanted[3:], logits[3:])).all()


@pytest.fixture(scope="module")
def other_labels(data: Dataset) -> VoteShares:
    """What voters see is always the next label, but in the first ten faces, which are left out."""
    hard = [np.eye(7, dtype=np.float32)[(split.labels + 1) % 7] for split in data.splits().values()]
    hard[0][:10] = 0
    return VoteShares(hard[0], hard[1], "the next")


@pytest.fixture(scope="module")
def voted(data: Dataset, other_labels: VoteShares, tmp_path_factory: pytest.TempPathFactory) -> Stoppable:
    """The one trainer with a votes head whose step is compiled."""
    recipe = replace(RECIPE, epochs=12, ease_from=0.0, eased=0.0)
    return Stoppable(recipe, data, tmp_path_factory.mktemp("beginning"), other_labels)


def test_both_heads_learn_their_own_targets(
    voted: Stoppable, data: Dataset, other_labels: VoteShares, tmp_path: Path
) -> None:
    voted.begin_again(stop_at=None)
    voted.run(tmp_path)
    answers = predict_heads(voted.average, data.train.faces)
    logits, seen = answers[network.LABELS], answers[network.VOTES]
    next_labels = (data.train.labels + 1) % 7
    assert score_logits(logits, data.train.labels)[0] < score_logits(logits, next_labels)[0]
    assert score_logits(seen, next_labels)[0] < score_logits(seen, data.train.labels)[0]
    history = json.loads((tmp_path / HISTORY).read_text())
    assert history[-1]["votes_loss"] < history[0]["votes_loss"]
    seen = predict_heads(voted.average, data.validation.faces)[network.VOTES]
    loss, agreement = votes.agreement(other_labels.validation, seen)
    assert (history[-1]["validation_votes_loss"], history[-1]["validation_votes_agreement"]) == (loss, agreement)


def test_a_stopped_run_goes_on_with_its_votes(voted: Stoppable, data: Dataset, tmp_path: Path) -> None:
    voted.begin_again(stop_at=None)
    voted.step(np.arange(21), 48)
    voted.save(tmp_path)
    voted.step(np.arange(21), 48)
    gone_on = predict(voted.model, data.validation.faces)
    voted.forget()
    assert voted.vote_shares is None
    voted.restore(tmp_path)
    voted.step(np.arange(21), 48)
    np.testing.assert_array_equal(predict(voted.model, data.validation.faces), gone_on)
    assert voted.vote_shares is not None
    assert voted.vote_shares.source == "the next"


def test_a_head_without_votes_and_votes_without_a_head_are_refused(data: Dataset, other_labels: VoteShares) -> None:
    with pytest.raises(ValueError, match="the votes head needs votes"):
        Trainer(RECIPE, data, None).run(Path("nowhere"))
    with pytest.raises(ValueError, match="has no votes head"):
        Trainer(replace(RECIPE, votes_weight=0.0), data, None, other_labels)


def test_a_network_with_the_head_starts_from_one_without(
    run: Path, data: Dataset, other_labels: VoteShares, tmp_path: Path
) -> None:
    metadata, _ = read_checkpoint(run / LAST)
    recipe = replace(Recipe.from_json(metadata["recipe"]), votes_weight=1.0)
    trainer = Trainer(recipe, data, None, other_labels)
    trainer.start_from(run)
    plain = Trainer(replace(recipe, votes_weight=0.0), data, None)
    plain.start_from(run)
    faces = data.validation.faces
    np.testing.assert_array_equal(predict(trainer.model, faces), predict(plain.model, faces))
