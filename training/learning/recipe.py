"""Everything that decides the result of a training run."""

import json
import math
from dataclasses import dataclass
from typing import Any

from training.data.dataset import SIZE
from training.learning import network

# Measured with three labels of 135 FER-2013 faces each: accuracy is highest after 70 steps, and 0.6 points lower after
# 360. Labels that have less in common with FER-2013's need more.
FINE_TUNING_STEPS = 240
FINE_TUNING_EPOCHS = 8


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the result of a training run; stored in its checkpoint."""

    epochs: int = 56
    batch: int = 128
    seed: int = 1
    learning_rate: float = 0.1
    # At the end of the cosine. Above zero for a run that others continue.
    final_rate: float = 0.0
    warmup_epochs: float = 1.0
    momentum: float = 0.9
    # Decoupled: Keras leaves it out of the momentum, so it is ten times the value of an L2 term.
    weight_decay: float = 5e-3
    label_smoothing: float = 0.05
    # Share of each target that comes from soft targets (FER+ votes, earlier networks), where they are given.
    soft_share: float = 0.5
    # Share of the epochs in which soft targets are used. Votes alone teach fast, but not how FER-2013 labels: they
    # call a quarter of its fear faces surprise or sadness, so with votes alone they have to end (0.66). An earlier
    # network among the experts (`training.learning.teacher`) has learned the labels; ending soft targets then makes
    # the network memorise the labels (run 5 in EXPERIMENTS.md).
    soft_until: float = 1.0
    # From this share of the epochs on, augmentation has the strength `eased`: faces look more like unchanged ones.
    ease_from: float = 0.2
    eased: float = 0.4
    # Mixup draws from Beta(mixup, mixup), 0 for none, until this share of the epochs.
    mixup: float = 0.0
    mixup_until: float = 0.75
    # Weight of the votes head's loss; that of the label head has 1. 0 for a network without a votes head.
    votes_weight: float = 0.0
    # Sharpness-aware minimisation (SAM): the gradient is taken where the loss is highest within this distance of the
    # weights. 0 for none. Twice the work, from a share of the epochs on.
    sam_rho: float = 0.0
    sam_from: float = 0.0
    average_decay: float = 0.999
    # The validation faces are learned from too, so figures on them mean nothing: a twin, the same recipe without them,
    # is measured and calibrated in the run's place.
    with_validation: bool = False
    # Training size in pixels, each until a share of the epochs: small faces first cost half as much.
    sizes: tuple[tuple[float, int], ...] = ((0.35, 40), (1.0, 48))
    widths: tuple[int, int, int] = (40, 80, 160)
    blocks: tuple[int, int] = (2, 2)
    fine: bool = True
    squeeze: int = 4

    @classmethod
    def fine_tuning(cls, faces: int) -> "Recipe":
        """For trained weights and a number of train faces that is too small for random weights.

        A tenth of the rate, little augmentation, and enough epochs for FINE_TUNING_STEPS small steps.
        """
        batch = 32
        epochs = max(FINE_TUNING_EPOCHS, math.ceil(FINE_TUNING_STEPS / max(1, faces // batch)))
        return cls(
            epochs=epochs, batch=batch, learning_rate=0.01, ease_from=0.0, average_decay=0.99, sizes=((1.0, SIZE),)
        )

    def shape(self, classes: int) -> network.Shape:
        """The network for a number of classes."""
        return network.Shape(
            classes=classes,
            widths=self.widths,
            blocks=self.blocks,
            fine=self.fine,
            squeeze=self.squeeze,
            votes=self.votes_weight > 0,
        )

    def size_at(self, epoch: int) -> int:
        """Training size in pixels for an epoch counted from 0."""
        return next(size for until, size in self.sizes if epoch < until * self.epochs)

    def strength_at(self, epoch: int) -> float:
        """Strength of augmentation for an epoch counted from 0."""
        return self.eased if epoch >= self.ease_from * self.epochs else 1.0

    def mixup_at(self, epoch: int) -> float:
        """Mixup's alpha for an epoch counted from 0."""
        return self.mixup if epoch < self.mixup_until * self.epochs else 0.0

    def sam_at(self, epoch: int) -> bool:
        """Whether steps are those of SAM in an epoch counted from 0."""
        return self.sam_rho > 0 and epoch >= self.sam_from * self.epochs

    @classmethod
    def from_json(cls, text: str) -> "Recipe":
        """The recipe of a checkpoint; options that are newer than the checkpoint are off."""
        values: dict[str, Any] = {"squeeze": 0, "eased": 1.0} | json.loads(text)
        values["sizes"] = tuple(tuple(pair) for pair in values["sizes"])
        values |= {key: tuple(value) for key, value in values.items() if isinstance(value, list)}
        return cls(**values)
