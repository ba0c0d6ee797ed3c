"""Timeline: the mean probabilities and votes of each track over a whole video."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Shares = NDArray[np.float64]


@dataclass
class Track:
    """One face from the first frame that shows it to the last; `total` is the sum of its frames' `Face.shares`."""

    number: int
    from_s: float
    to_s: float
    total: Shares
    frames: int = 1

    @property
    def mean(self) -> Shares:
        return self.total / self.frames


class Timeline:
    """Keeps sums and no frames: memory grows with the number of tracks alone."""

    def __init__(self) -> None:
        self._tracks: dict[int, Track] = {}
        self.frames = 0

    def add(self, found: Iterable[tuple[int, Shares]], at_s: float) -> None:
        """Add the faces of the next frame: the number of each face's track, and its shares float64 (heads, labels)."""
        self.frames += 1
        for number, shares in found:
            track = self._tracks.get(number)
            if track is None:
                self._tracks[number] = Track(number, at_s, at_s, shares)
                continue
            track.to_s = at_s
            track.total = track.total + shares
            track.frames += 1

    @property
    def tracks(self) -> list[Track]:
        """In the order in which they began."""
        return list(self._tracks.values())
