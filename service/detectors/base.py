"""What a face detector is, what it finds, and how overlapping boxes of one face are merged."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from ..images import Box, Grey

# Two boxes are one face from this overlap on: their intersection over the smaller box, so that a box inside another
# counts in full. Measured with Haar: of real neighbours (16 photos with 34 faces, at four scales, mirrored, and with
# four smallest sizes) no two boxes share more than 0.17; of 1,500 faces of FER-2013, three times enlarged, 7 were found
# twice, and those boxes share 0.59 to 1.0. Over the union the same pairs share 0.09 to 0.48: no bound would part them.
# What remains are false boxes on a chin or a collar, which share 0.2 to 0.35 with the face above.
MERGE_OVERLAP = 0.45


@dataclass(frozen=True)
class Detection:
    """A face's box, and how sure the detector is of it; a figure that a detector does not give is None.

    `weight` is on the detector's own scale (higher is surer), `confidence` is a probability from 0 to 1.
    """

    box: Box
    weight: float | None = None
    confidence: float | None = None


class FaceDetector(Protocol):
    """Finds faces. Safe for many threads."""

    @property
    def name(self) -> str:
        """The detector's name in results."""
        ...

    def detect(self, grey: Grey, *, max_faces: int, min_face_px: int | None = None) -> list[Detection]:
        """Faces in a grey image, largest first, at most `max_faces`, each at least about `min_face_px` wide.

        Boxes are whole pixels of `grey` and inside it; no two of them overlap by MERGE_OVERLAP.
        """
        ...

    def search(self) -> dict[str, Any]:
        """How it searches, for `GET /v1/model`: its name, and settings by name."""
        ...


def merged(found: Iterable[Detection]) -> list[Detection]:
    """One detection for each face, the surest: others that overlap it by MERGE_OVERLAP are left out."""
    kept: list[Detection] = []
    for detection in sorted(found, key=_sureness, reverse=True):
        if all(overlap(detection.box, other.box) < MERGE_OVERLAP for other in kept):
            kept.append(detection)
    return kept


def overlap(a: Box, b: Box) -> float:
    """Intersection over the smaller box, 0 to 1."""
    across = min(a.x + a.width, b.x + b.width) - max(a.x, b.x)
    down = min(a.y + a.height, b.y + b.height) - max(a.y, b.y)
    return max(across, 0) * max(down, 0) / min(a.area, b.area)


def largest_first(found: Iterable[Detection]) -> list[Detection]:
    """By area, then from left to right and from top to bottom."""
    return sorted(found, key=lambda face: (-face.box.area, face.box.x, face.box.y))


def _sureness(detection: Detection) -> tuple[float, float, int]:
    return detection.confidence or 0.0, detection.weight or 0.0, detection.box.area
