"""The training loop. Every random draw is a function of seed and step, so a resumed run equals an uninterrupted one."""

import json
import math
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from training.data.augmentation import augment
from training.data.dataset import Dataset
from training.learning import network, targets
from training.learning.checkpoints import (
    BEST,
    CHECKPOINT,
    HISTORY,
    check_data,
    fingerprint,
    load_best,
    read_checkpoint,
    write_checkpoint,
)
from training.learning.interrupt import Interrupted, StopFlag
from training.learning.predict import score
from training.learning.recipe import Recipe
from training.learning.targets import SoftTargets


@dataclass
class Progress:
    """How far a run is: what a checkpoint holds beside its arrays."""

    step: int = 0
    loss_sum: float = 0.0
    right_sum: float = 0.0
    seconds: float = 0.0
    best_accuracy: float = -1.0
    history: list[dict[str, float]] = field(default_factory=list)


class Trainer:
    """A network, its averaged copy and the optimiser, trained one step at a time.

    `average` holds the exponential moving average of every weight and batch statistic. It is what is evaluated, stored
    as the best network and exported, with `network.Orient` in front.
    """

    def __init__(self, recipe: Recipe, data: Dataset, soft: SoftTargets | None):
        keras.utils.set_random_seed(recipe.seed)
        self.recipe, self.data = recipe, data
        self.label_targets = targets.smooth(data.train.labels, len(data.labels), recipe.label_smoothing)
        self._set_soft_targets(soft)
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
        self.progress = Progress()

    def _set_soft_targets(self, soft: SoftTargets | None) -> None:
        self.soft, self.soft_targets = soft, self.label_targets
        if soft is not None:
            share = self.recipe.soft_share
            self.soft_targets = (1 - share) * self.label_targets + share * soft.targets

    def start_from(self, folder: Path) -> None:
        """Begin with the best weights of another run instead of random ones.

        Two differences are allowed, and neither changes the initial answers: a linear layer that reads additional
        maps starts with zero weights for them, and added squeeze-and-excitation starts as a factor of one. Raises
        ValueError for any other difference.
        """
        model, _, _ = load_best(folder)
        given = {variable.path: variable.numpy() for variable in model.variables}
        for variable in self.model.variables:
            value = given.get(variable.path)
            if value is None and network.EXCITE in variable.path:
                continue
            if value is None or value.shape[1:] != variable.shape[1:] or len(value) > variable.shape[0]:
                raise ValueError(f"{folder / BEST} is of another network: {variable.path} does not fit.")
            variable.assign(np.pad(value, [(0, variable.shape[0] - len(value))] + [(0, 0)] * (value.ndim - 1)))
        self.average.set_weights(self.model.get_weights())
        self.started_from = fingerprint(value.numpy() for value in model.variables)

    # --- one step ------------------------------------------------------------------------------

    def rate_at(self, step: int) -> float:
        """Linear warm-up, then a cosine to zero (Loshchilov and Hutter 2017)."""
        warmup = self.recipe.warmup_epochs * self.steps_per_epoch
        total = self.recipe.epochs * self.steps_per_epoch
        if step < warmup:
            return self.recipe.learning_rate * (step + 1) / warmup
        return self.recipe.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, total - warmup)))

    def targets_at(self, step: int) -> np.ndarray:
        """Targets (n, classes) of all train faces at a step: soft ones first, the smoothed labels alone later."""
        softened = step // self.steps_per_epoch < self.recipe.soft_until * self.recipe.epochs
        return self.soft_targets if softened else self.label_targets

    @tf.function(reduce_retracing=False)
    def _augment(self, faces: tf.Tensor, size: int, step: tf.Tensor, strength: float) -> tf.Tensor:
        return augment(faces, size, tf.stack([self.recipe.seed, step]), strength)

    # Compiled by XLA, which is faster. Without it oneDNN would compute the gradients, and abort on some processors for
    # small networks (see `training.release.proof.grad_cam`).
    @tf.function(jit_compile=True)
    def _update(
        self, faces: tf.Tensor, wanted: tf.Tensor, rate: tf.Tensor, decay: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            logits, _ = self.model(faces, training=True)
            loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(wanted, logits))
        gradients = tape.gradient(loss, self.model.trainable_variables)
        self.optimiser.learning_rate.assign(rate)
        self.optimiser.apply(gradients)
        for mean, value in zip(self.average.variables, self.model.variables, strict=True):
            mean.assign(mean * decay + value * (1 - decay))
        return loss, tf.argmax(logits, 1)

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
        loss, answers = self._update(
            self.batch(rows, size),
            tf.constant(self.targets_at(number)[rows], tf.float32),
            tf.constant(self.rate_at(number), tf.float32),
            tf.constant(decay, tf.float32),
        )
        self.progress.loss_sum += float(loss)
        self.progress.right_sum += float(np.mean(answers.numpy() == self.data.train.labels[rows]))
        self.progress.step += 1

    # --- epochs --------------------------------------------------------------------------------

    def run(self, folder: Path) -> None:
        """Train to the end, with a checkpoint after every epoch and at Ctrl-C (raises Interrupted)."""
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
        loss, accuracy = score(self.average, self.data.validation)
        progress.history.append(
            {
                "epoch": epoch,
                "size": self.recipe.size_at(epoch - 1),
                "rate": self.rate_at(progress.step - 1),
                "loss": progress.loss_sum / self.steps_per_epoch,
                "accuracy": progress.right_sum / self.steps_per_epoch,
                "validation_loss": loss,
                "validation_accuracy": accuracy,
                "seconds": progress.seconds,
            }
        )
        progress.loss_sum = progress.right_sum = progress.seconds = 0.0
        (folder / HISTORY).write_text(json.dumps(progress.history, indent=1) + "\n")
        if accuracy > progress.best_accuracy:
            progress.best_accuracy = accuracy
            self._write(folder / BEST, self._average_arrays(), epoch=epoch)
        tqdm.write(f"epoch {epoch}: validation accuracy {accuracy:.4f}, loss {loss:.4f}")

    # --- checkpoints ---------------------------------------------------------------------------

    def _average_arrays(self) -> dict[str, np.ndarray]:
        return {f"average/{i}": value.numpy() for i, value in enumerate(self.average.variables)}

    def save(self, folder: Path) -> None:
        """Write everything that `restore` needs. An interruption leaves the old file or the new one, never a part."""
        arrays = self._average_arrays()
        arrays |= {f"model/{i}": value.numpy() for i, value in enumerate(self.model.variables)}
        arrays |= {f"optimiser/{i}": value.numpy() for i, value in enumerate(self.optimiser.variables)}
        if self.soft is not None:
            arrays["soft"] = self.soft.targets
        self._write(folder / CHECKPOINT, arrays, progress=asdict(self.progress))

    def _write(self, path: Path, arrays: dict[str, np.ndarray], **metadata: object) -> None:
        metadata |= {
            "recipe": json.dumps(asdict(self.recipe)),
            "data_sha256": self.data.sha256,
            "labels": self.data.labels,
            "soft": self.soft and self.soft.source,
            "started_from": self.started_from,
        }
        write_checkpoint(path, metadata, arrays)

    def restore(self, folder: Path) -> None:
        """Go on where `save` stopped, with its soft targets. Raises ValueError for another recipe or other data."""
        metadata, arrays = read_checkpoint(folder / CHECKPOINT)
        if Recipe.from_json(metadata["recipe"]) != self.recipe:
            raise ValueError(f"{folder / CHECKPOINT} was made with another recipe: {metadata['recipe']}")
        check_data(folder / CHECKPOINT, metadata, self.data)
        self._set_soft_targets(SoftTargets(arrays["soft"], metadata["soft"]) if metadata["soft"] else None)
        self.started_from = metadata["started_from"]
        groups = {"average": self.average, "model": self.model, "optimiser": self.optimiser}
        for name, owner in groups.items():
            for i, variable in enumerate(owner.variables):
                variable.assign(arrays[f"{name}/{i}"])
        self.progress = Progress(**metadata["progress"])
