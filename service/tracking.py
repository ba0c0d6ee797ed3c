"""Tracker: follows faces from frame to frame, and averages the probabilities and votes of each over time."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .analysis import Face
from .detectors import near
from .detectors.base import Expected
from .images import Box

Vector = NDArray[np.float64]

# A track ends when more than so many frames in a row do not show its face.
MISSES = 3
# A face belongs to a track only below this cost: the distance from the expected place, in sides of the face, plus the
# natural logarithm of the ratio of their sizes.
REACH = 1.0
# Added to a track's cost, divided by the number of frames that have shown it: when a face was found twice for a moment,
# the older track goes on.
UNPROVEN = 0.1
# A velocity is a mean over about so many seconds: over a shorter time the detector's jitter would look like movement.
VELOCITY_S = 0.3
# A track without its face moves on, slower and slower: in all as far as in so many seconds at its last velocity.
COASTING_S = 1.0


@dataclass
class _Track:
    """One face over time: its centre (x, y) and side in pixels, as it was found last."""

    number: int
    centre: Vector
    side: float
    begun_s: float
    seen_s: float
    weighted: Vector
    """The weighted sum of the `shares` of all frames: older frames have lower weights."""
    velocity: Vector = field(default_factory=lambda: np.zeros(2))
    """Pixels a second."""
    sightings: int = 1
    misses: int = 0

    def expected(self, at_s: float) -> Vector:
        """Where the centre should be at this time, pixels (x, y)."""
        coasted_s = -COASTING_S * math.expm1((self.seen_s - at_s) / COASTING_S)
        return self.centre + self.velocity * coasted_s

    def expected_near(self, at_s: float) -> Expected:
        at_s, is_required = max(at_s, self.seen_s), self.misses == 0
        # To search far around a missed face would cost as much as to search everywhere.
        reach = near.reach_after(at_s - self.seen_s) if is_required else near.REACH
        return Expected(_square(self.expected(at_s), self.side), reach, is_required)

    def update(self, face: Face, at_s: float, smoothing: float) -> None:
        elapsed_s, centre = at_s - self.seen_s, _centre(face)
        if elapsed_s > 0:
            # In a new track all movements so far have the same weight: a mean that started at zero would lag behind.
            share = math.expm1(-elapsed_s / VELOCITY_S) / math.expm1((self.begun_s - at_s) / VELOCITY_S)
            self.velocity += share * ((centre - self.centre) / elapsed_s - self.velocity)
        # 0 ** 0 is 1, but without smoothing even a frame of the same time has no weight.
        kept = smoothing**elapsed_s if smoothing > 0 else 0.0
        self.weighted = kept * self.weighted + face.shares
        self.centre, self.side, self.seen_s = centre, _side(face), at_s
        self.sightings += 1
        self.misses = 0


# What of a track is an array.
_VECTORS = ("centre", "weighted", "velocity")


class Tracker:
    """Follows the faces of one stream or video.

    `smoothing` is the weight that a frame keeps after one second, 0 to 1, in the mean of its track's shares: the
    time constant is -1 / ln(smoothing) seconds (0.1: 0.43 s, 0.5: 1.4 s) at every frame rate. With 0 each frame stands
    alone, with 1 the mean is over the whole track.
    """

    def __init__(self, *, smoothing: float = 0.0, prediction_set_threshold: float) -> None:
        self.smoothing = smoothing
        self._prediction_set_threshold = prediction_set_threshold
        self._tracks: list[_Track] = []
        self._begun = 0
        self._latest_s = -math.inf

    def state(self) -> dict[str, Any]:
        """All it knows, as JSON can carry it to the process that sees the next frame; see `restored`."""
        tracks = [
            {**asdict(track), **{key: getattr(track, key).tolist() for key in _VECTORS}} for track in self._tracks
        ]
        latest_s = None if self._latest_s == -math.inf else self._latest_s
        return {"smoothing": self.smoothing, "begun": self._begun, "latest_s": latest_s, "tracks": tracks}

    @classmethod
    def restored(cls, state: dict[str, Any], *, prediction_set_threshold: float) -> "Tracker":
        """A tracker that goes on where the one of `state` was."""
        tracker = cls(smoothing=state["smoothing"], prediction_set_threshold=prediction_set_threshold)
        tracker._begun = state["begun"]
        tracker._latest_s = -math.inf if state["latest_s"] is None else state["latest_s"]
        for track in state["tracks"]:
            tracker._tracks.append(_Track(**{**track, **{key: np.array(track[key]) for key in _VECTORS}}))
        return tracker

    def follow(self, faces: Sequence[Face], at_s: float) -> tuple[Face, ...]:
        """The same faces in the same order, with `track_id` (from 1), and smoothed.

        `at_s` is the frame's time in seconds, of which only differences matter. A time before the last frame's is
        treated as the last frame's.
        """
        at_s = self._latest_s = max(at_s, self._latest_s)
        for track in self._tracks:
            track.misses += 1
        known = self._matched(faces, at_s)
        followed = []
        for index, face in enumerate(faces):
            track = known.get(index) or self._begin(face, at_s)
            if index in known:
                track.update(face, at_s, self.smoothing)
            followed.append(self._smoothed(face, track))
        self._tracks = [track for track in self._tracks if track.misses <= MISSES]
        return tuple(followed)

    def expected(self, at_s: float) -> tuple[Expected, ...]:
        """Where all faces should be in a frame of this time; none where the last frame showed none.

        A face that the last frame lacked is expected where it may come back.
        """
        if all(track.misses for track in self._tracks):
            return ()
        return tuple(track.expected_near(at_s) for track in self._tracks)

    def _matched(self, faces: Sequence[Face], at_s: float) -> dict[int, _Track]:
        """The track of each face (by index) that has one, closest pairs first."""
        if not faces or not self._tracks:
            return {}
        costs = _costs(self._tracks, faces, at_s)
        pairs = np.argwhere(costs < REACH)
        pairs = pairs[np.argsort(costs[tuple(pairs.T)], kind="stable")]
        known: dict[int, _Track] = {}
        matched: set[int] = set()
        for row, column in pairs.tolist():
            if row not in matched and column not in known:
                matched.add(row)
                known[column] = self._tracks[row]
        return known

    def _begin(self, face: Face, at_s: float) -> _Track:
        self._begun += 1
        track = _Track(self._begun, _centre(face), _side(face), at_s, at_s, face.shares)
        self._tracks.append(track)
        return track

    def _smoothed(self, face: Face, track: _Track) -> Face:
        if self.smoothing == 0:
            return replace(face, track_id=track.number)
        shares = track.weighted / track.weighted.sum(axis=1, keepdims=True)
        return replace(face.with_shares(shares, self._prediction_set_threshold), track_id=track.number)


def _costs(tracks: Sequence[_Track], faces: Sequence[Face], at_s: float) -> Vector:
    """The cost of each track (row) for each face (column); see REACH."""
    expected = np.array([track.expected(at_s) for track in tracks])
    centres = np.array([_centre(face) for face in faces])
    sides = np.array([[track.side] for track in tracks]), np.array([_side(face) for face in faces])
    distances = np.linalg.norm(expected[:, None] - centres, axis=2)
    handicaps = np.array([[UNPROVEN / track.sightings] for track in tracks])
    costs: Vector = distances / np.sqrt(sides[0] * sides[1]) + np.abs(np.log(sides[0] / sides[1])) + handicaps
    return costs


def _centre(face: Face) -> Vector:
    box = face.box
    return np.array([box.x + box.width / 2, box.y + box.height / 2])


def _square(centre: Vector, side: float) -> Box:
    x, y = (centre - side / 2).tolist()
    return Box(round(x), round(y), max(1, round(side)), max(1, round(side)))


def _side(face: Face) -> float:
    return math.sqrt(face.box.width * face.box.height)
