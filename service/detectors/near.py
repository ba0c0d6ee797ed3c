"""Near search: where the faces of the last frame may be in this one, and whether all of them were found again."""

import itertools
import math
from collections.abc import Sequence

from ..images import Box
from .base import Detection

# How far a face may be from where it is expected, in its sides, and how many times larger or smaller it may be: other
# faces are found by searching everywhere. A region reaches as far beyond the face, so that the face lies in it whole.
REACH = 0.5
SIZE_RATIO = 1.3


def side(box: Box) -> float:
    """The side of a square of the same area."""
    return math.sqrt(box.width * box.height)


def region(box: Box, size_wh: tuple[int, int]) -> Box:
    """The part of an image of this size in which a face is searched that is expected at `box`; at least one pixel."""
    half = (0.5 + REACH) * side(box)
    centre = box.x + box.width / 2, box.y + box.height / 2
    left, top = (min(max(math.floor(at - half), 0), most - 1) for at, most in zip(centre, size_wh, strict=True))
    right, bottom = (
        min(max(math.ceil(at + half), least + 1), most)
        for at, least, most in zip(centre, (left, top), size_wh, strict=True)
    )
    return Box(left, top, right - left, bottom - top)


def all_found(expected: Sequence[Box], found: Sequence[Detection]) -> bool:
    """True where each expected box, of which there is at least one, has a detection of its own."""
    pairs = sorted(
        (_distance(box, face.square), i, j)
        for (i, box), (j, face) in itertools.product(enumerate(expected), enumerate(found))
    )
    matched: dict[int, int] = {}
    for distance, i, j in pairs:
        if distance <= 1.0 and i not in matched and j not in matched.values():
            matched[i] = j
    return 0 < len(expected) == len(matched)


def _distance(expected: Box, found: Box) -> float:
    """1 at the limit of REACH, or of SIZE_RATIO, whichever is nearer."""
    apart = math.dist(*((box.x + box.width / 2, box.y + box.height / 2) for box in (expected, found)))
    ratio = side(found) / side(expected)
    return max(apart / (REACH * side(expected)), abs(math.log(ratio)) / math.log(SIZE_RATIO))
