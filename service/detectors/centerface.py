"""CenterFaceDetector: a small network for faces of any size, also tilted ones, with five landmarks (Xu et al. 2019)."""

import math
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..images import Box, Grey, shrink
from ..sessions import giving_back, open_session
from . import centerface_file, near
from .base import MERGE_OVERLAP, Detection, Expected, Landmarks, Point, largest_first, merged, smallest_px

# The smallest face that is found reliably, in pixels of the network's input: 42 of 47 faces of 14 to 17 pixels are, and
# all that are larger, but 9 of 26 of 11 to 13 (docs/detectors.md has the measurements that are named here).
WINDOW_PX = 16
# By default the input's longer side is 320 pixels. Of 68 faces that are tilted by 20 degrees it finds 67 (256 pixels:
# 64, in 0.7 of the time), of those tilted by 40 degrees 40 (480 pixels: 66, in 2.3 times the time).
SMALLEST_SHARE = WINDOW_PX / 320
# Cells of the output maps are so many pixels of the input apart, those of the coarsest layer MULTIPLE.
STRIDE, MULTIPLE = 4, 32
THRESHOLD = 0.4
NMS_OVERLAP = 0.3
# The surest so many cells are read: it limits the work on a picture made to look like faces everywhere.
MAX_CANDIDATES = 500
# e to this power is more than any image is wide.
MAX_LOG_SIZE = 8.0

# Near a face of the last frame, the face is shrunk to the first side at most, and the cutting in which it may be to the
# second. Where all cuttings together have more than this share of the whole input's pixels, the whole is searched.
NEAR_FACE_PX = 64
NEAR_CUTTING_PX = 160
NEAR_SHARE = 0.6

# From CenterFace's box to the square that Haar would have drawn: its side over the root of the box's area. Fitted on
# 343 pairs of boxes so that the classifier's answers differ least.
SQUARE_SIDE = 1.12
# From this tilt of the eyes on the crop is turned upright. Below, the crop is the one that Haar would give, so that
# upright faces get the same answer from both detectors.
UPRIGHT_DEGREES = 8.0


class CenterFaceDetector:
    """Safe for many threads, as ONNX Runtime's sessions are.

    Raises centerface_file.DetectorFileError at construction where the file is missing.
    """

    name = "centerface"

    def __init__(self, *, threads: int = 1) -> None:
        self._session = open_session(centerface_file.adapted(centerface_file.read_file()), threads=threads)
        # What an input larger than usual needs is given back after it: 75 MB for a third more of its time.
        self._giving_back = giving_back()
        # The first run allocates; done here, no client pays for it.
        self.detect(np.zeros((240, 320), np.uint8), max_faces=1)

    def search(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "window_px": WINDOW_PX,
            "smallest_share": SMALLEST_SHARE,
            "threshold": THRESHOLD,
            "nms_overlap": NMS_OVERLAP,
            "merge_overlap": MERGE_OVERLAP,
            "upright_degrees": UPRIGHT_DEGREES,
            "square_side": SQUARE_SIDE,
            "sha256": centerface_file.SHA256,
        }

    def smallest_px(self, size_wh: tuple[int, int], min_face_px: int | None = None) -> float:
        return smallest_px(size_wh, min_face_px, window_px=WINDOW_PX, share=SMALLEST_SHARE)

    def detect(self, grey: Grey, *, max_faces: int, min_face_px: int | None = None) -> list[Detection]:
        """See `FaceDetector.detect`; each detection has a confidence and landmarks."""
        size_wh = grey.shape[1], grey.shape[0]
        # A larger `min_face_px` does not make the input smaller: tilted faces need the resolution.
        usual, smallest = self.smallest_px(size_wh), self.smallest_px(size_wh, min_face_px)
        found = self._search(grey, Box(0, 0, *size_wh), WINDOW_PX / min(usual, smallest), gives_back=smallest < usual)
        return _wanted(found, max_faces, min_face_px)

    def detect_near(
        self, grey: Grey, expected: Sequence[Expected], *, max_faces: int, min_face_px: int | None = None
    ) -> list[Detection] | None:
        """See `FaceDetector.detect_near`: a cutting around each expected face, at the scale of `detect` or smaller."""
        size_wh = grey.shape[1], grey.shape[0]
        scale = WINDOW_PX / min(self.smallest_px(size_wh), self.smallest_px(size_wh, min_face_px))
        cuttings = []
        for face in expected:
            face_px = min(NEAR_FACE_PX, NEAR_CUTTING_PX / (1 + 2 * face.reach))
            cuttings.append((near.region(face.box, face.reach, size_wh), min(scale, face_px / near.side(face.box))))
        if sum(region.area * at**2 for region, at in cuttings) > NEAR_SHARE * grey.size * min(scale, 1.0) ** 2:
            return None
        found = [each for region, at in cuttings for each in self._search(grey, region, at, gives_back=False)]
        return _wanted(found, max_faces, min_face_px)

    def _search(self, grey: Grey, region: Box, scale: float, *, gives_back: bool) -> list[Detection]:
        """Faces in a region of the image, shrunk by `scale`; `gives_back`: the memory that it took."""
        cutting = grey[region.y : region.y + region.height, region.x : region.x + region.width]
        pixels, scale_xy = network_input(cutting, scale)
        run_options = self._giving_back if gives_back else None
        maps = self._session.run(list(centerface_file.OUTPUTS), {centerface_file.INPUT: pixels}, run_options)
        boxes, scores, landmarks = decode(*maps)
        boxes, landmarks = boxes / np.tile(scale_xy, 2), landmarks / np.asarray(scale_xy)
        corner = np.array([region.x, region.y], np.float64)
        boxes[:, :2] += corner
        return [
            _detection(box, float(score), points, (grey.shape[1], grey.shape[0]))
            for box, score, points in zip(boxes, scores, landmarks + corner, strict=True)
        ]


def network_input(grey: Grey, scale: float) -> tuple[NDArray[np.float32], tuple[float, float]]:
    """The image shrunk by `scale` (never enlarged), float32 (1, 1, h, w), and the exact scale of x and of y.

    Black is added at the right and below up to the next multiple of MULTIPLE.
    """
    height, width = grey.shape
    small_w, small_h = (max(1, round(side * min(1.0, scale))) for side in (width, height))
    small = grey if (small_w, small_h) == (width, height) else shrink(grey, (small_w, small_h))
    padded_h, padded_w = (math.ceil(side / MULTIPLE) * MULTIPLE for side in (small_h, small_w))
    pixels = np.zeros((1, 1, padded_h, padded_w), np.float32)
    pixels[0, 0, :small_h, :small_w] = small
    return pixels, (small_w / width, small_h / height)


def decode(
    heat: NDArray[np.float32],
    log_size: NDArray[np.float32],
    offset: NDArray[np.float32],
    landmarks: NDArray[np.float32],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """The network's four maps of one image to boxes (n, 4), scores (n,) and landmarks (n, 5, 2), surest first.

    A box is x, y, width, height and a landmark x, y, in pixels of the network's input. A map is (1, channels, h, w),
    with a row and a column for every STRIDE pixels: `heat` says how surely the cell holds a face's centre; `log_size`
    is the natural logarithm of height and width in cells; `offset` (y, x) is added to the cell's row and column;
    `landmarks` (y, x of five points) are measured from the box's top left corner, in its heights and widths.
    """
    rows, columns = np.nonzero(heat[0, 0] > THRESHOLD)
    scores = heat[0, 0, rows, columns].astype(np.float64)
    best = np.argsort(-scores, kind="stable")[:MAX_CANDIDATES]
    rows, columns, scores = rows[best], columns[best], scores[best]
    at = (0, slice(None), rows, columns)
    size_hw = np.exp(np.minimum(log_size[at].astype(np.float64), MAX_LOG_SIZE)) * STRIDE
    centre_yx = (np.stack([rows, columns], axis=1) + offset[at] + 0.5) * STRIDE
    corner_yx = centre_yx - size_hw / 2
    boxes = np.concatenate([corner_yx[:, ::-1], size_hw[:, ::-1]], axis=1)
    points_yx = landmarks[at].reshape(-1, 5, 2) * size_hw[:, None] + corner_yx[:, None]
    kept = np.asarray(cv2.dnn.NMSBoxes(boxes.tolist(), scores.tolist(), THRESHOLD, NMS_OVERLAP), np.intp).ravel()
    return boxes[kept], scores[kept], points_yx[kept][..., ::-1]


def _wanted(found: Sequence[Detection], max_faces: int, min_face_px: int | None) -> list[Detection]:
    wanted = [face for face in merged(found) if min_face_px is None or face.square.width >= min_face_px]
    return largest_first(wanted)[:max_faces]


def _detection(
    box: NDArray[np.float64], score: float, points: NDArray[np.float64], size_wh: tuple[int, int]
) -> Detection:
    """A face of the whole image from its box (x, y, width, height), not yet cut off at the image's edges."""
    return Detection(
        box=_inside(box, size_wh),
        confidence=score,
        landmarks=Landmarks(*(Point(float(x), float(y)) for x, y in points)),
        haar_square=square(box),
        degrees=tilt(points),
    )


def tilt(points: NDArray[np.float64]) -> float:
    """How far the line from the left to the right eye is turned clockwise; 0 where that is too little to matter."""
    across, down = points[1] - points[0]
    degrees = math.degrees(math.atan2(down, across))
    return degrees if abs(degrees) >= UPRIGHT_DEGREES else 0.0


def square(box: NDArray[np.float64]) -> Box:
    """The square that frames the face as Haar does, about the same centre."""
    x, y, width, height = box
    side = SQUARE_SIDE * math.sqrt(width * height)
    whole = max(1, round(side))
    return Box(round(x + (width - side) / 2), round(y + (height - side) / 2), whole, whole)


def _inside(box: NDArray[np.float64], size_wh: tuple[int, int]) -> Box:
    """The part of a box that lies in the image, in whole pixels, at least one."""
    width, height = size_wh
    left, top = (min(max(round(float(v)), 0), side - 1) for v, side in zip(box[:2], size_wh, strict=True))
    right, bottom = (
        min(max(round(float(v)), low + 1), side)
        for v, low, side in zip(box[:2] + box[2:], (left, top), (width, height), strict=True)
    )
    return Box(left, top, right - left, bottom - top)
