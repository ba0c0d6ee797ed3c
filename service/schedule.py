"""Schedule: which frames of a stream are searched everywhere, and which near the faces of the frame before."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .analysis import Options
from .detectors.base import Expected

# A face that comes into view is found at the latest so many analysed frames, and so many seconds, after its first one.
# While other frames wait for a worker, only the frames count, and they are more: the slower the streams get, the larger
# a share of their frames would be searched everywhere, which makes them slower. docs/streams.md has the figures.
EVERY_FRAMES, BUSY_EVERY_FRAMES = 10, 15
EVERY_S = 1.0


@dataclass(frozen=True)
class Schedule:
    """When a stream was last searched everywhere: at which time, with which options, and how many frames ago."""

    at_s: float | None = None
    asked: tuple[Any, ...] = ()
    frames: int = 0

    def state(self) -> dict[str, Any]:
        """All it knows, as JSON can carry it; see `restored`."""
        return asdict(self)

    @classmethod
    def restored(cls, state: dict[str, Any]) -> "Schedule":
        return cls(**{**state, "asked": tuple(state["asked"])})

    def near(self, faces: Sequence[Expected], at_s: float, options: Options, *, busy: bool) -> Sequence[Expected]:
        """Of the faces expected in the frame of this time, those to search near; none: it is searched everywhere.

        `busy`: other frames wait for a worker. A face that was missing in the last frame is then looked for where it
        may come back, and else everywhere.
        """
        misses_one = not all(face.required for face in faces)
        return () if self.is_due(at_s, options, busy=busy) or (misses_one and not busy) else faces

    def is_due(self, at_s: float, options: Options, *, busy: bool) -> bool:
        """True where the frame of this time has to be searched everywhere, whatever was found in the last one."""
        return (
            self.at_s is None
            or self.frames + 1 >= (BUSY_EVERY_FRAMES if busy else EVERY_FRAMES)
            or (not busy and at_s - self.at_s >= EVERY_S)
            or self.asked != _asked(options)
        )

    def after(self, at_s: float, options: Options, *, everywhere: bool) -> "Schedule":
        """The schedule once a frame was searched."""
        if everywhere:
            return Schedule(at_s, _asked(options))
        return Schedule(self.at_s, self.asked, self.frames + 1)


NEVER_SEARCHED = Schedule()
"""Before the first frame."""


def _asked(options: Options) -> tuple[Any, ...]:
    """The options that decide which faces are found."""
    return options.detector, options.min_face_px, options.max_faces
