"""Near search: where the faces of the last frame may be in this one, and whether all of them were found again."""

import itertools
import math
from collections.abc import Sequence

from ..images import Box
from .base import Detection, Expected

# How far a face may be from where it is expected, in its sides, and how many times larger or smaller it may be: other
# faces are found by searching everywhere. A region reaches as far beyond the face, so that the face lies in it whole.
REACH = 0.5
SIZE_RATIO = 1.3
# It may be further away when the last frame is older than this: so many sides for each second, at most MOST_REACH.
# Otherwise a stream whose frames lie far apart, because the service is busy, would be searched everywhere in each of
# them, and make it busier. The figures are those of a person who paces to and fro in front of a camera.
SUDDEN_S = 0.1
REACH_PER_S = 5.0
MOST_REACH = 1.5


def reach_after(elapsed_s: float) -> float:
    """How far a face may be from where it is expected so long after it was seen; in its sides."""
    return min(MOST_REACH, REACH + REACH_PER_S * max(0.0, elapsed_s - SUDDEN_S))


def side(box: Box) -> float:
    """The side of a square of the same area."""
    return math.sqrt(box.width * box.height)


def region(box: Box, reach: float, size_wh: tuple[int, int]) -> Box:
    """The part of an image of this size in which a face is searched that is expected at `box`; at least one pixel."""
    half = (0.5 + reach) * side(box)
    centre = box.x + box.width / 2, box.y + box.height / 2
    left, top = (min(max(math.floor(at - half), 0), most - 1) for at, most in zip(centre, size_wh, strict=True))
    right, bottom = (
        min(max(math.ceil(at + half), least + 1), most)
        for at, least, most in zip(centre, (left, top), size_wh, strict=True)
    )
    return Box(left, top, right - left, bottom - top)


def all_found(expected: Sequence[Expected], found: Sequence[Detection]) -> bool:
    """True where each required face, of which there is at least one, has a detection of its own."""
    required = [each for each in expected if each.required]
    pairs = sorted(
        (_distance(face, detection.square), i, j)
        for (i, face), (j, detection) in itertools.product(enumerate(required), enumerate(found))
    )
    matched: dict[int, int] = {}
    for distance, i, j in pairs:
        if distance <= 1.0 and i not in matched and j not in matched.values():
            matched[i] = j
    return 0 < len(required) == len(matched)


def _distance(expected: Expected, found: Box) -> float:
    """1 at the limit of its reach, or of SIZE_RATIO, whichever is nearer."""
    box = expected.box
    apart = math.dist(*((each.x + each.width / 2, each.y + each.height / 2) for each in (box, found)))
    ratio = side(found) / side(box)
    return max(apart / (expected.reach * side(box)), abs(math.log(ratio)) / math.log(SIZE_RATIO))
