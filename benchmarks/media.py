"""Photos and frames of known sizes and numbers of faces, all made of one portrait in the public domain."""

from itertools import product
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

PORTRAIT = Path(__file__).parents[1] / "tests" / "data" / "astronaut.jpg"
# Around the face, which is 100 pixels wide: x, y, width, height.
HEAD = (115, 0, 220, 220)
SIZES = {"640x480": (640, 480), "1280x720": (1280, 720), "12 megapixels": (4000, 3000)}
STREAM_WH = (640, 360)
GRID = (4, 2)
Pixels = NDArray[np.uint8]
_JPEG = (cv2.IMWRITE_JPEG_QUALITY, 90)


def photo(size_wh: tuple[int, int], faces: int) -> bytes:
    """A colour JPEG of this size with one face or seven: the portrait's head in the cells of a grid."""
    portrait = _portrait()
    x, y, width, height = HEAD
    head, (columns, rows) = portrait[y : y + height, x : x + width], GRID if faces > 1 else (1, 1)
    # Without a face, but not without detail.
    canvas = cv2.resize(portrait[height:, :], size_wh, interpolation=cv2.INTER_CUBIC)
    cell_wh = size_wh[0] // columns, size_wh[1] // rows
    side = round(0.9 * min(cell_wh))
    method = cv2.INTER_AREA if side < width else cv2.INTER_CUBIC
    for column, row in [*product(range(columns), range(rows))][:faces]:
        left = column * cell_wh[0] + (cell_wh[0] - side) // 2
        top = row * cell_wh[1] + (cell_wh[1] - side) // 2
        canvas[top : top + side, left : left + side] = cv2.resize(head, (side, side), interpolation=method)
    return _jpeg(canvas)


def photos() -> dict[str, bytes]:
    """Each size with one face and with seven, by name."""
    return {
        f"{size}, {faces} face{'s' * (faces > 1)}": photo(wh, faces) for size, wh in SIZES.items() for faces in (1, 7)
    }


def clip(count: int = 30) -> list[bytes]:
    """Frames of a stream: the portrait moves round and comes nearer."""
    portrait, frames = _portrait(), []
    for turn in np.linspace(0, 2 * np.pi, count, endpoint=False):
        scale = 1 + 0.1 * np.sin(turn)
        move = np.array([[scale, 0, 90 + 60 * np.cos(turn)], [0, scale, -20 + 20 * np.sin(turn)]])
        frames.append(_jpeg(cv2.warpAffine(portrait, move, STREAM_WH, borderMode=cv2.BORDER_REPLICATE)))
    return frames


def _portrait() -> Pixels:
    found = cv2.imread(str(PORTRAIT))
    if found is None:
        raise SystemExit(f"{PORTRAIT} is not there")
    return found.astype(np.uint8, copy=False)


def _jpeg(image: cv2.typing.MatLike) -> bytes:
    _, encoded = cv2.imencode(".jpg", image, _JPEG)
    return encoded.tobytes()
