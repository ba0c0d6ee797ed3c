"""The training loop: resumable bit for bit, every random draw a function of (seed, step)."""

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
    fingerprint,
    load_best,
    read_checkpoint,
    write_checkpoint,
)
from training.learning.interrupt import Interrupted, StopFlag
from training.learning.predict import score
from training.learning.recipe import Recipe
from training.learning.targets import Soft


@dataclass
class Progress:
    """How far a run is, beside its arrays: what a checkpoint holds in words."""

    step: int = 0
    loss_sum: float = 0.0
    right_sum: float = 0.0
    seconds: float = 0.0
    best_accuracy: float = -1.0
    history: list[dict[str, float]] = field(default_factory=list)


class Trainer:
    """A network, its averaged twin and the optimiser, trained one step at a time.

    `average` holds the exponential moving average of every weight, batch statistics included; it is
    what is evaluated, kept and exported, with `network.Orient` before it.
    """

    def __init__(self, recipe: Recipe, data: Dataset, soft: Soft | None):
        keras.utils.set_random_seed(recipe.seed)
        self.recipe, self.data = recipe, data
        self.label_targets = targets.smooth(data.training.labels, len(data.labels), recipe.label_smoothing)
        self._take(soft)
        self.started_from: str | None = None
        self.steps_per_epoch = max(1, len(data.training) // recipe.batch)
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

    def _take(self, soft: Soft | None) -> None:
        self.soft, self.soft_targets = soft, self.label_targets
        if soft is not None:
            share = self.recipe.soft_share
            self.soft_targets = (1 - share) * self.label_targets + share * soft.targets

    def start_from(self, folder: Path) -> None:
        """Begin with the best weights of another run instead of random ones.

        Raises ValueError where that run's network has other parts. A linear layer that reads more
        maps than it did there begins without an eye for them, and what squeezes and excites begins
        without effect where it was not there.
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
        """What is asked of every training face at a step: soft targets while they have a say, labels alone later."""
        softened = step // self.steps_per_epoch < self.recipe.soft_until * self.recipe.epochs
        return self.soft_targets if softened else self.label_targets

    @tf.function(reduce_retracing=False)
    def _augment(self, faces: tf.Tensor, size: int, step: tf.Tensor, strength: float) -> tf.Tensor:
        return augment(faces, size, tf.stack([self.recipe.seed, step]), strength)

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

    def step(self, rows: np.ndarray, size: int) -> None:
        """One batch of `rows` of the training split at `size` pixels."""
        number = self.progress.step
        epoch = number // self.steps_per_epoch
        # Typed values, not Python numbers: those would be compiled in, once for each step.
        faces = self._augment(
            tf.constant(self.data.training.faces[rows]),
            size,
            tf.constant(number, tf.int32),
            self.recipe.strength_at(epoch),
        )
        decay = min(self.recipe.average_decay, (1 + number) / (10 + number))
        loss, answers = self._update(
            faces,
            tf.constant(self.targets_at(number)[rows], tf.float32),
            tf.constant(self.rate_at(number), tf.float32),
            tf.constant(decay, tf.float32),
        )
        self.progress.loss_sum += float(loss)
        self.progress.right_sum += float(np.mean(answers.numpy() == self.data.training.labels[rows]))
        self.progress.step += 1

    # --- epochs --------------------------------------------------------------------------------

    def run(self, folder: Path) -> None:
        """Train to the end, with a checkpoint after every epoch and at Ctrl-C (raises Interrupted)."""
        folder.mkdir(parents=True, exist_ok=True)
        with StopFlag() as stop:
            while self.progress.step < self.recipe.epochs * self.steps_per_epoch:
                self._epoch(stop)
                # An epoch whose last batch is done is finished even when asked to stop: `--resume` begins the next.
                if self.progress.step % self.steps_per_epoch == 0:
                    self._finish_epoch(folder)
                self.save(folder)
                if stop.asked:
                    tqdm.write(f"stopped; {folder / CHECKPOINT} is written, --resume goes on from it")
                    raise Interrupted

    def _epoch(self, stop: "StopFlag") -> None:
        epoch, done = divmod(self.progress.step, self.steps_per_epoch)
        order = np.random.default_rng([self.recipe.seed, epoch]).permutation(len(self.data.training))
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
        loss, accuracy = score(self.average, self.data.public_test)
        progress.history.append(
            {
                "epoch": epoch,
                "size": self.recipe.size_at(epoch - 1),
                "rate": self.rate_at(progress.step - 1),
                "loss": progress.loss_sum / self.steps_per_epoch,
                "accuracy": progress.right_sum / self.steps_per_epoch,
                "public_loss": loss,
                "public_accuracy": accuracy,
                "seconds": progress.seconds,
            }
        )
        progress.loss_sum = progress.right_sum = progress.seconds = 0.0
        (folder / HISTORY).write_text(json.dumps(progress.history, indent=1) + "\n")
        if accuracy > progress.best_accuracy:
            progress.best_accuracy = accuracy
            self._write(folder / BEST, self._average_arrays(), epoch=epoch)
        tqdm.write(f"epoch {epoch}: PublicTest accuracy {accuracy:.4f}, loss {loss:.4f}")

    # --- checkpoints ---------------------------------------------------------------------------

    def _average_arrays(self) -> dict[str, np.ndarray]:
        return {f"average/{i}": value.numpy() for i, value in enumerate(self.average.variables)}

    def save(self, folder: Path) -> None:
        """Everything that `restore` needs, in one file that is either the old one or the new one."""
        arrays = self._average_arrays()
        arrays |= {f"model/{i}": value.numpy() for i, value in enumerate(self.model.variables)}
        arrays |= {f"optimiser/{i}": value.numpy() for i, value in enumerate(self.optimiser.variables)}
        if self.soft is not None:
            arrays["soft"] = self.soft.targets
        self._write(folder / CHECKPOINT, arrays, progress=asdict(self.progress))

    def _write(self, path: Path, arrays: dict[str, np.ndarray], **words: object) -> None:
        words |= {
            "recipe": json.dumps(asdict(self.recipe)),
            "data_sha256": self.data.sha256,
            "labels": self.data.labels,
            "soft": self.soft and self.soft.source,
            "started_from": self.started_from,
        }
        write_checkpoint(path, words, arrays)

    def restore(self, folder: Path) -> None:
        """Go on where `save` stopped, with its soft targets. Raises ValueError if recipe or data are others."""
        words, arrays = read_checkpoint(folder / CHECKPOINT)
        if Recipe.from_json(words["recipe"]) != self.recipe:
            raise ValueError(f"{folder / CHECKPOINT} was made with another recipe: {words['recipe']}")
        if words["data_sha256"] != self.data.sha256:
            raise ValueError(f"{folder / CHECKPOINT} was made with other data (sha256 {words['data_sha256']})")
        self._take(Soft(arrays["soft"], words["soft"]) if words["soft"] else None)
        self.started_from = words["started_from"]
        groups = {"average": self.average, "model": self.model, "optimiser": self.optimiser}
        for name, owner in groups.items():
            for i, variable in enumerate(owner.variables):
                variable.assign(arrays[f"{name}/{i}"])
        self.progress = Progress(**words["progress"])
