"""Frames as they are to be shown: turned and mirrored as the video's display matrix says."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from .. import images

Pixels = NDArray[np.uint8]

Matrix = tuple[int, int, int, int]
"""(a, b, c, d) of a display matrix, which moves the pixel (x, y) to (a x + c y, b x + d y), counted from the top left.

Its numbers are in units of 1/65536 (ISO 14496-12, 8.3.2).
"""

UPRIGHT: Matrix = (1 << 16, 0, 0, 1 << 16)


@dataclass(frozen=True)
class Frame:
    """A frame and its time in the video, seconds from its beginning.

    `is_due` says that it belongs to the frames asked for by `fps`; the others are there for who wants all of them.
    """

    time_s: float
    decoded: VideoFrame
    matrix: Matrix
    is_due: bool

    @cached_property
    def image(self) -> images.Image:
        """Grey pixels from 0 (black) to 255 (white), upright."""
        return images.Image(self._upright("gray"))

    @cached_property
    def colours(self) -> Pixels:
        """Upright pixels, uint8 (height, width, 3), blue, green, red."""
        return self._upright("bgr24")

    def _upright(self, form: str) -> Pixels:
        pixels = self.decoded.to_ndarray(format=form).astype(np.uint8, copy=False)
        return oriented(pixels, self.matrix)


def matrix_of(frame: VideoFrame) -> Matrix:
    """The display matrix of a frame; UPRIGHT where it has none."""
    data: Any = frame.side_data.get("DISPLAYMATRIX")
    if data is None:
        return UPRIGHT
    a, b, _, c, d, *_ = np.frombuffer(bytes(data), np.int32).tolist()
    return a, b, c, d


def oriented(pixels: Pixels, matrix: Matrix) -> Pixels:
    """Pixels (height, width) or (height, width, colours), by the one of the eight orientations closest to the matrix.

    What a matrix does beside that, such as turning by a few degrees or scaling, is left out, as players do.
    """
    a, b, c, d = matrix
    if abs(b) + abs(c) > abs(a) + abs(d):
        pixels, flips_x, flips_y = pixels.swapaxes(0, 1), c < 0, b < 0
    else:
        flips_x, flips_y = a < 0, d < 0
    return np.ascontiguousarray(pixels[:: -1 if flips_y else 1, :: -1 if flips_x else 1])
