"""Made up faces, and the tracks that they get."""

from collections.abc import Sequence

import numpy as np

from service.analysis import Face
from service.detectors.base import Detection
from service.images import Box
from service.tracking import Tracker

HALF = (0.5, 0.5, 0.0)


def face(
    x: float,
    y: float = 100,
    side: float = 100,
    probabilities: Sequence[float] = HALF,
    votes: Sequence[float] | None = None,
) -> Face:
    """A face centred at (x, y)."""
    row, voted = np.array(probabilities), None if votes is None else np.array(votes)
    box = Box(round(x - side / 2), round(y - side / 2), round(side), round(side))
    return Face(("a", "b", "c"), Detection(box), None, row, (int(row.argmax()),), 0.0, 0.0, (), (), votes=voted)


def tracker(smoothing: float = 0.0) -> Tracker:
    return Tracker(smoothing=smoothing, prediction_set_threshold=0.2)


def ids(frames: Sequence[Sequence[Face]], frame_s: float = 1 / 30) -> list[list[int | None]]:
    """The track ids of each frame's faces."""
    followed = tracker()
    return [[each.track_id for each in followed.follow(faces, n * frame_s)] for n, faces in enumerate(frames)]
