"""What a face detector is, what it finds, and how overlapping boxes of one face are merged."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from ..images import Box, Grey

# Two boxes are one face from this overlap on: their intersection over the smaller box, so that a box inside another
# counts in full. Measured with Haar: of real neighbours (16 photos with 34 faces, at four scales, mirrored, and with
# four smallest sizes) no two boxes share more than 0.17; of 1,500 faces of FER-2013, three times enlarged, 7 were found
# twice, and those boxes share 0.59 to 1.0. Over the union the same pairs share 0.09 to 0.48: no bound would part them.
# What remains are false boxes on a chin or a collar, which share 0.2 to 0.35 with the face above.
MERGE_OVERLAP = 0.45

# Whatever a client asks for, no face smaller than this share of the longer side is searched for: the work is limited.
# On 25 megapixels of noise Haar then takes at most 0.8 s of one core (15 s and 1 GB without), CenterFace 0.15 s.
LEAST_SHARE = 1 / 48


class Point(NamedTuple):
    """Pixels of the upright image; it may lie outside the image."""

    x: float
    y: float


class Landmarks(NamedTuple):
    """Five points of a face; left and right are those of the image."""

    left_eye: Point
    right_eye: Point
    nose: Point
    left_mouth: Point
    right_mouth: Point


@dataclass(frozen=True)
class Detection:
    """A face's box, and how sure the detector is of it; a figure that a detector does not give is None.

    `weight` is on the detector's own scale (higher is surer), `confidence` is from 0 to 1.
    `haar_square` is given by detectors whose boxes are framed differently from Haar's: the square that Haar would
    return, which may reach past the image. `degrees` is the face's clockwise tilt where the crop should undo it.
    """

    box: Box
    weight: float | None = None
    confidence: float | None = None
    landmarks: Landmarks | None = None
    haar_square: Box | None = None
    degrees: float = 0.0

    @property
    def square(self) -> Box:
        """What the crop starts from, turned by `degrees`: the crop margin was measured with Haar's boxes."""
        return self.haar_square or self.box


@dataclass(frozen=True)
class Expected:
    """A square where a face of the frame before should be: its centre is at most `reach` of the square's sides away.

    One that is not `required` was missing in the frame before. It is looked for, and may be missing again.
    """

    box: Box
    reach: float
    required: bool = True


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

    def detect_near(
        self, grey: Grey, expected: Sequence[Expected], *, max_faces: int, min_face_px: int | None = None
    ) -> list[Detection] | None:
        """As `detect`, for faces that lie near one of those expected and are about as large; see `near`.

        None where searching everywhere takes no longer.
        """
        ...

    def smallest_px(self, size_wh: tuple[int, int], min_face_px: int | None = None) -> float:
        """The width of the smallest face that `detect` searches for in an image of this size."""
        ...

    def search(self) -> dict[str, Any]:
        """How it searches, for `GET /v1/model`: its name, and settings by name."""
        ...


def smallest_px(size_wh: tuple[int, int], min_face_px: int | None, *, window_px: int, share: float) -> float:
    """The smallest face to search for: `min_face_px`, by default `share` of the longer side, within the limits.

    The limits are the detector's window and LEAST_SHARE of the longer side.
    """
    longer = max(size_wh)
    return max(min_face_px or longer * share, window_px, longer * LEAST_SHARE)


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
