"""Timeline: what each followed face showed over a whole video."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Probabilities = NDArray[np.float64]


@dataclass
class Track:
    """One face from its first to its last sight; `total` is the sum of its frames' probabilities."""

    number: int
    from_s: float
    to_s: float
    total: Probabilities
    frames: int = 1

    @property
    def mean(self) -> Probabilities:
        return self.total / self.frames


class Timeline:
    """Sums, no frames: memory grows with the number of tracks alone."""

    def __init__(self) -> None:
        self._tracks: dict[int, Track] = {}
        self.frames = 0

    def add(self, seen: Iterable[tuple[int, Probabilities]], at_s: float) -> None:
        """The faces of the next frame: the number of each one's track, and its probabilities."""
        self.frames += 1
        for number, probabilities in seen:
            track = self._tracks.get(number)
            if track is None:
                self._tracks[number] = Track(number, at_s, at_s, probabilities)
                continue
            track.to_s = at_s
            track.total = track.total + probabilities
            track.frames += 1

    @property
    def tracks(self) -> list[Track]:
        """In the order in which they began."""
        return list(self._tracks.values())
