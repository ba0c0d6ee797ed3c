"""Ctrl-C between two steps, not amid one."""

import signal
from types import FrameType


class Interrupted(KeyboardInterrupt):
    """Ctrl-C was pressed; the checkpoint is written."""


class StopFlag:
    """Turns the first Ctrl-C (or SIGTERM) into a flag that the loop reads between two steps."""

    def __init__(self) -> None:
        self.asked = False

    def _ask(self, _signal: int, _frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        # No printing here: the signal may have come amid a write to the same stream.
        self.asked = True

    def __enter__(self) -> "StopFlag":
        self._before = {number: signal.signal(number, self._ask) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
