"""A trainer that can be interrupted at a step and brought back to its beginning: compiling its step takes seconds."""

import signal
from pathlib import Path

import numpy as np

from training.data.dataset import Dataset
from training.learning.recipe import Recipe
from training.learning.train import Progress, Trainer
from training.learning.votes import VoteShares


class Stoppable(Trainer):
    """Presses Ctrl-C, `times` times, during step `stop_at`."""

    def __init__(self, recipe: Recipe, data: Dataset, beginning: Path, vote_shares: VoteShares | None = None):
        super().__init__(recipe, data, None, vote_shares)
        self.stop_at: int | None = None
        self.times = 1
        self.beginning = beginning
        self.save(beginning)

    def step(self, rows: np.ndarray, size: int) -> None:
        if self.progress.step == self.stop_at:
            for _ in range(self.times):
                signal.raise_signal(signal.SIGINT)
        super().step(rows, size)

    def begin_again(self, stop_at: int | None, times: int = 1) -> None:
        self.forget()
        self.restore(self.beginning)
        self.stop_at, self.times = stop_at, times

    def forget(self) -> None:
        """Overwrite everything that a checkpoint holds, as in a new process."""
        for owner in (self.model, self.average, self.optimiser):
            for variable in owner.variables:
                variable.assign(np.full(variable.shape, 7, variable.dtype))
        self.progress = Progress()
        self.vote_shares = None
