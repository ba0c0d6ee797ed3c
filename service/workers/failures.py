"""Workers that end before they should."""

import time
from collections import deque
from dataclasses import dataclass, field
from typing import get_args

from .worker import EndReason


@dataclass
class Losses:
    """How many workers ended before their task was done, by reason, and how many could not be started."""

    ended_by: dict[EndReason, int] = field(default_factory=lambda: dict.fromkeys(get_args(EndReason), 0))
    failed_starts: int = 0


class Failures:
    """Starts that failed, and workers that died without a task. `most` of them `within_s` seconds are too many."""

    def __init__(self, most: int, *, within_s: float) -> None:
        self._times: deque[float] = deque(maxlen=most)
        self._within_s = within_s

    def add(self) -> None:
        self._times.append(time.monotonic())

    @property
    def are_too_many(self) -> bool:
        """False again by itself once none has been added for `within_s`."""
        return len(self._times) == self._times.maxlen and time.monotonic() - self._times[0] < self._within_s
