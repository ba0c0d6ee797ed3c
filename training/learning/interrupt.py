"""Stops a training run between two steps when Ctrl-C is pressed."""

import signal
from types import FrameType


class Interrupted(KeyboardInterrupt):
    """Ctrl-C was pressed and the checkpoint is written."""


class StopFlag:
    """Turns the first Ctrl-C or SIGTERM into a flag, which the loop reads between two steps.

    The second one raises KeyboardInterrupt at once. On exit the handlers from before are back.
    """

    def __init__(self) -> None:
        self.asked = False

    def _on_signal(self, _signal: int, _frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        # No printing here: the signal may have interrupted a write to the same stream.
        self.asked = True

    def __enter__(self) -> "StopFlag":
        self._before = {number: signal.signal(number, self._on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
