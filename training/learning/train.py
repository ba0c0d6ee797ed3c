"""The training loop. Every random draw is a function of seed and step, so a resumed run equals an uninterrupted one."""

import json
import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from training.data.augmentation import augment
from training.data.dataset import Dataset
from training.learning import mixup, network, sam, targets, votes
from training.learning.begin import take_over
from training.learning.checkpoints import (
    BEST,
    CHECKPOINT,
    HISTORY,
    LAST,
    TRAIN_VOTES,
    VALIDATION_VOTES,
    check_data,
    fingerprint,
    kept,
    load_kept,
    read_checkpoint,
    write_checkpoint,
)
from training.learning.consistent import ConsistentTeacher
from training.learning.interrupt import Interrupted, StopFlag
from training.learning.predict import predict_heads, score_logits
from training.learning.recipe import Recipe
from training.learning.targets import SoftTargets
from training.learning.votes import VoteShares


@dataclass
class Progress:
    """How far a run is: what a checkpoint holds beside its arrays."""

    step: int = 0
    loss_sum: float = 0.0
    votes_loss_sum: float = 0.0
    right_sum: float = 0.0
    seconds: float = 0.0
    best_accuracy: float = -1.0
    history: list[dict[str, float]] = field(default_factory=list)


class Trainer:
    """A network, its averaged copy and the optimiser, trained one step at a time.

    `average` holds the exponential moving average of every weight and batch statistic. It is what is evaluated, stored
    and exported, with `network.Orient` in front.

    `compiled` steps go through XLA, others through oneDNN, which is faster on some processors for large networks. For
    small networks it aborts on some processors (see `training.release.proof.grad_cam`). The last digits differ.
    """

    def __init__(
        self,
        recipe: Recipe,
        data: Dataset,
        soft: SoftTargets | ConsistentTeacher | None,
        vote_shares: VoteShares | None = None,
        *,
        compiled: bool = True,
    ):
        keras.utils.set_random_seed(recipe.seed)
        self.recipe, self.data = recipe, data
        self.label_targets = targets.smooth(data.train.labels, len(data.labels), recipe.label_smoothing)
        self._set_soft_targets(soft)
        if vote_shares is not None and not recipe.votes_weight:
            raise ValueError("votes are given, but the network has no votes head: give the head's loss a weight.")
        self.vote_shares = vote_shares
        self.started_from: str | None = None
        self.steps_per_epoch = max(1, len(data.train) // recipe.batch)
        shape = recipe.shape(len(data.labels))
        self.model = network.build(shape)
        self.average = network.build(shape, oriented=True)
        self.average.set_weights(self.model.get_weights())
        self.optimiser = keras.optimizers.SGD(
            learning_rate=0.0, momentum=recipe.momentum, nesterov=True, weight_decay=recipe.weight_decay
        )
        self.optimiser.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
        self.optimiser.build(self.model.trainable_variables)
        self._compiled_update = tf.function(self._update, jit_compile=compiled)
        self.progress = Progress()

    def _set_soft_targets(self, soft: SoftTargets | ConsistentTeacher | None) -> None:
        self.soft, self.soft_targets = soft, self.label_targets
        self.teacher = soft if isinstance(soft, ConsistentTeacher) else None
        # P(label | votes) of each face, where the teacher reads them.
        self.read = self.label_targets if self.teacher is None or self.teacher.votes is None else self.teacher.votes
        if isinstance(soft, SoftTargets):
            share = self.recipe.soft_share
            self.soft_targets = (1 - share) * self.label_targets + share * soft.targets

    def start_from(self, folder: Path) -> None:
        """Begin with the weights of another run instead of random ones. Raises ValueError as `start_with` does."""
        model, _, metadata = load_kept(folder)
        self.start_with(model, metadata["labels"], str(kept(folder)))

    def start_with(self, model: keras.Model, labels: Sequence[str], name: str) -> None:
        """Begin with the weights of another network instead of random ones, as `begin.take_over` says."""
        take_over(self.model, self.data.labels, model, labels, name)
        self.average.set_weights(self.model.get_weights())
        self.started_from = fingerprint(value.numpy() for value in model.variables)

    # --- one step ------------------------------------------------------------------------------

    def rate_at(self, step: int) -> float:
        """Linear warm-up, then a cosine to the final rate (Loshchilov and Hutter 2017)."""
        rate, final = self.recipe.learning_rate, self.recipe.final_rate
        warmup = self.recipe.warmup_epochs * self.steps_per_epoch
        total = self.recipe.epochs * self.steps_per_epoch
        if step < warmup:
            return rate * (step + 1) / warmup
        return final + (rate - final) * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, total - warmup)))

    def targets_at(self, step: int) -> np.ndarray:
        """Targets (n, classes) of all train faces at a step: soft ones first, the smoothed labels alone later.

        A ConsistentTeacher's share is not in them: it answers for the pictures of a step.
        """
        return self.soft_targets if self._is_soft(step) else self.label_targets

    def _is_soft(self, step: int) -> bool:
        return step // self.steps_per_epoch < self.recipe.soft_until * self.recipe.epochs

    @tf.function(reduce_retracing=False)
    def _augment(self, faces: tf.Tensor, size: int, step: tf.Tensor, strength: float) -> tf.Tensor:
        return augment(faces, size, tf.stack([self.recipe.seed, step]), strength)

    def _update(
        self,
        faces: tf.Tensor,
        wanted: tf.Tensor,
        voted: tf.Tensor,
        own: tf.Tensor,
        read: tf.Tensor,
        rate: tf.Tensor,
        decay: tf.Tensor,
        taught: bool,
        with_sam: bool,
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """One step on faces whose own share of each picture is `own` (see `mixup.shares`).

        `taught`: the teacher answers for the pictures, with the votes `read`; `with_sam` as `sam` says. Returns the
        losses of both heads and the answers (n,) of the label head.
        """
        faces, wanted, voted, read = (mixup.mix(values, own) for values in (faces, wanted, voted, read))
        if taught and self.teacher is not None:
            share = self.recipe.soft_share
            wanted = (1 - share) * wanted + share * self.teacher.answer(faces, read)
        gradients, loss, votes_loss, logits = self._gradients(faces, wanted, voted)
        if with_sam:
            gradients = sam.gradients_at_the_worst(
                self.model, gradients, lambda: self._gradients(faces, wanted, voted)[0], self.recipe.sam_rho
            )
        self.optimiser.learning_rate.assign(rate)
        self.optimiser.apply(gradients)
        for mean, value in zip(self.average.variables, self.model.variables, strict=True):
            mean.assign(mean * decay + value * (1 - decay))
        return loss, votes_loss, tf.argmax(logits, 1)

    def _gradients(
        self, faces: tf.Tensor, wanted: tf.Tensor, voted: tf.Tensor
    ) -> tuple[list[tf.Tensor], tf.Tensor, tf.Tensor, tf.Tensor]:
        """The gradients of both losses' sum by each trainable variable, both losses, and the logits (n, classes)."""
        with tf.GradientTape() as tape:
            logits, _, *others = self.model(faces, training=True)
            loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(wanted, logits))
            votes_loss = votes.loss(voted, others[0]) if others else tf.constant(0.0)
            total = loss + self.recipe.votes_weight * votes_loss
        return tape.gradient(total, self.model.trainable_variables), loss, votes_loss, logits

    def batch(self, rows: np.ndarray, size: int) -> tf.Tensor:
        """Train faces of rows (n,) as the network sees them at the next step: float32 (n, size, size, 1), 0..255."""
        step = self.progress.step
        strength = self.recipe.strength_at(step // self.steps_per_epoch)
        # The step is a tensor, not a Python number: TensorFlow would compile again for each new number.
        return self._augment(tf.constant(self.data.train.faces[rows]), size, tf.constant(step, tf.int32), strength)

    def step(self, rows: np.ndarray, size: int) -> None:
        """Train on one batch: rows (n,) of the train split at `size` pixels."""
        number = self.progress.step
        decay = min(self.recipe.average_decay, (1 + number) / (10 + number))
        wanted = self.targets_at(number)[rows]
        alpha = self.recipe.mixup_at(number // self.steps_per_epoch)
        loss, votes_loss, answers = self._compiled_update(
            self.batch(rows, size),
            tf.constant(wanted, tf.float32),
            tf.constant(self.vote_shares.train[rows] if self.vote_shares else np.zeros_like(wanted), tf.float32),
            tf.constant(mixup.shares(alpha, len(rows), (self.recipe.seed, number))),
            tf.constant(self.read[rows], tf.float32),
            tf.constant(self.rate_at(number), tf.float32),
            tf.constant(decay, tf.float32),
            self.teacher is not None and self._is_soft(number),
            self.recipe.sam_at(number // self.steps_per_epoch),
        )
        self.progress.loss_sum += float(loss)
        self.progress.votes_loss_sum += float(votes_loss)
        self.progress.right_sum += float(np.mean(answers.numpy() == self.data.train.labels[rows]))
        self.progress.step += 1

    # --- epochs --------------------------------------------------------------------------------

    def run(self, folder: Path) -> None:
        """Train to the end, with a checkpoint after every epoch and at Ctrl-C (raises Interrupted)."""
        if self.recipe.votes_weight and self.vote_shares is None:
            raise ValueError("the votes head needs votes to learn from: give them, or set its weight to 0.")
        folder.mkdir(parents=True, exist_ok=True)
        with StopFlag() as stop:
            while self.progress.step < self.recipe.epochs * self.steps_per_epoch:
                self._epoch(stop)
                # Also when asked to stop: otherwise `--resume` would skip the end of an epoch whose last batch is done.
                if self.progress.step % self.steps_per_epoch == 0:
                    self._finish_epoch(folder)
                self.save(folder)
                if stop.asked:
                    tqdm.write(f"stopped; {folder / CHECKPOINT} is written, --resume goes on from it")
                    raise Interrupted

    def _epoch(self, stop: "StopFlag") -> None:
        epoch, done = divmod(self.progress.step, self.steps_per_epoch)
        order = np.random.default_rng([self.recipe.seed, epoch]).permutation(len(self.data.train))
        size, batch = self.recipe.size_at(epoch), self.recipe.batch
        name = f"epoch {epoch + 1}/{self.recipe.epochs} ({size} px)"
        with tqdm(total=self.steps_per_epoch, initial=done, desc=name, unit="batch", mininterval=1) as bar:
            for index in range(done, self.steps_per_epoch):
                started = time.perf_counter()
                self.step(order[index * batch : (index + 1) * batch], size)
                self.progress.seconds += time.perf_counter() - started
                bar.update()
                bar.set_postfix(loss=f"{self.progress.loss_sum / (index + 1):.3f}", refresh=False)
                if stop.asked:
                    return

    def _finish_epoch(self, folder: Path) -> None:
        progress, epoch = self.progress, self.progress.step // self.steps_per_epoch
        answers = predict_heads(self.average, self.data.validation.faces)
        loss, accuracy = score_logits(answers[network.LABELS], self.data.validation.labels)
        figures = {
            "epoch": epoch,
            "size": self.recipe.size_at(epoch - 1),
            "rate": self.rate_at(progress.step - 1),
            "loss": progress.loss_sum / self.steps_per_epoch,
            "accuracy": progress.right_sum / self.steps_per_epoch,
            "validation_loss": loss,
            "validation_accuracy": accuracy,
            "seconds": progress.seconds,
        }
        learned = " (learned from, too)" if self.recipe.with_validation else ""
        message = f"epoch {epoch}: validation{learned} accuracy {accuracy:.4f}, loss {loss:.4f}"
        if self.vote_shares is not None:
            votes_loss, agreement = votes.agreement(self.vote_shares.validation, answers[network.VOTES])
            figures |= {
                "votes_loss": progress.votes_loss_sum / self.steps_per_epoch,
                "validation_votes_loss": votes_loss,
                "validation_votes_agreement": agreement,
            }
            message += f", agreement with voters {agreement:.4f}"
        progress.history.append(figures)
        progress.loss_sum = progress.votes_loss_sum = progress.right_sum = progress.seconds = 0.0
        (folder / HISTORY).write_text(json.dumps(progress.history, indent=1) + "\n")
        self._write(folder / LAST, self._kept_arrays(), epoch=epoch)
        if accuracy > progress.best_accuracy:
            progress.best_accuracy = accuracy
            self._write(folder / BEST, self._kept_arrays(), epoch=epoch)
        tqdm.write(message)

    # --- checkpoints ---------------------------------------------------------------------------

    def _average_arrays(self) -> dict[str, np.ndarray]:
        return {f"average/{i}": value.numpy() for i, value in enumerate(self.average.variables)}

    def _kept_arrays(self) -> dict[str, np.ndarray]:
        """The averaged network, and the votes that the export calibrates its votes head with."""
        return self._average_arrays() | ({VALIDATION_VOTES: self.vote_shares.validation} if self.vote_shares else {})

    def save(self, folder: Path) -> None:
        """Write everything that `restore` needs. An interruption leaves the old file or the new one, never a part."""
        arrays = self._average_arrays()
        arrays |= {f"model/{i}": value.numpy() for i, value in enumerate(self.model.variables)}
        arrays |= {f"optimiser/{i}": value.numpy() for i, value in enumerate(self.optimiser.variables)}
        if self.teacher is not None:
            arrays |= self.teacher.arrays()
        elif isinstance(self.soft, SoftTargets):
            arrays["soft"] = self.soft.targets
        if self.vote_shares is not None:
            arrays |= {TRAIN_VOTES: self.vote_shares.train, VALIDATION_VOTES: self.vote_shares.validation}
        self._write(folder / CHECKPOINT, arrays, progress=asdict(self.progress))

    def _write(self, path: Path, arrays: dict[str, np.ndarray], **metadata: object) -> None:
        metadata |= {
            "recipe": json.dumps(asdict(self.recipe)),
            "data_sha256": self.data.sha256,
            "labels": self.data.labels,
            "soft": self.soft and self.soft.source,
            "votes": self.vote_shares and self.vote_shares.source,
            "started_from": self.started_from,
        }
        write_checkpoint(path, metadata, arrays)

    def restore(self, folder: Path) -> None:
        """Go on where `save` stopped, with its targets. Raises ValueError for another recipe or other data."""
        metadata, arrays = read_checkpoint(folder / CHECKPOINT)
        if Recipe.from_json(metadata["recipe"]) != self.recipe:
            raise ValueError(f"{folder / CHECKPOINT} was made with another recipe: {metadata['recipe']}")
        check_data(folder / CHECKPOINT, metadata, self.data)
        self._set_soft_targets(_soft_of(arrays, metadata["soft"]))
        if metadata.get("votes"):
            self.vote_shares = VoteShares(arrays[TRAIN_VOTES], arrays[VALIDATION_VOTES], metadata["votes"])
        self.started_from = metadata["started_from"]
        groups = {"average": self.average, "model": self.model, "optimiser": self.optimiser}
        for name, owner in groups.items():
            for i, variable in enumerate(owner.variables):
                variable.assign(arrays[f"{name}/{i}"])
        self.progress = Progress(**metadata["progress"])


def _soft_of(arrays: dict[str, np.ndarray], source: str | None) -> SoftTargets | ConsistentTeacher | None:
    """What a checkpoint says of soft targets and where they come from."""
    if source is None:
        return None
    return SoftTargets(arrays["soft"], source) if "soft" in arrays else ConsistentTeacher.from_arrays(arrays, source)
