"""FaceDetector: OpenCV's Haar cascade."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2

from ..images import Box, Grey

NAME = "haar_frontalface_default"
FILE = Path(cv2.__file__).parent / "data" / "haarcascade_frontalface_default.xml"

# The cascade's own window, in pixels; the image is shrunk until the smallest wanted face is this wide.
WINDOW_PX = 24
# Measured on 16 photos with 34 faces (python -m benchmarks.detection): 29 found and none invented, as many as with
# steps of 1.1, which take half as long again; more neighbours lose a face; looking for faces of a 24th instead of
# a 16th finds up to two more, invents some, and takes twice the time.
STEP = 1.2
NEIGHBOURS = 3
# Two boxes are one face from this overlap on: their intersection over the smaller box, so that a box inside another
# counts in full. Measured: of real neighbours (16 photos with 34 faces, at four scales, mirrored, and with four
# smallest sizes) no two boxes share more than 0.17; of 1,500 faces of FER-2013, three times enlarged, 7 were found
# twice, and those boxes share 0.59 to 1.0. Over the union the same pairs share 0.09 to 0.48: no bound would part them.
MERGE_OVERLAP = 0.45
# Without a wish, faces from a sixteenth of the longer side on are looked for: the time is then the same
# for every image size.
SMALLEST_SHARE = 1 / 16


@dataclass(frozen=True)
class Detection:
    """A face's box and the weight of the cascade's last stage: higher is surer, but no probability."""

    box: Box
    weight: float


class FaceDetector:
    """Finds frontal faces. Safe for many threads: each gets a cascade of its own.

    One cascade shared by threads gives wrong answers (it keeps state between its stages).
    """

    def __init__(self) -> None:
        self._local = threading.local()
        self._stages = _count_stages()

    @property
    def _cascade(self) -> cv2.CascadeClassifier:
        if not hasattr(self._local, "cascade"):
            self._local.cascade = cv2.CascadeClassifier(str(FILE))
        cascade: cv2.CascadeClassifier = self._local.cascade
        return cascade

    def detect(self, grey: Grey, *, max_faces: int, min_face_px: int | None = None) -> list[Detection]:
        """Faces in a grey image, largest first, at most `max_faces`, each at least `min_face_px` wide.

        Boxes are whole pixels of `grey` and inside it.
        """
        height, width = grey.shape
        smallest = max(min_face_px or max(height, width) * SMALLEST_SHARE, WINDOW_PX)
        scale = WINDOW_PX / smallest
        small_wh = round(width * scale), round(height * scale)
        if min(small_wh) < WINDOW_PX:
            return []
        small = grey if scale == 1 else cv2.resize(grey, small_wh, interpolation=cv2.INTER_AREA)
        boxes, levels, weights = self._cascade.detectMultiScale3(
            small, STEP, NEIGHBOURS, minSize=(WINDOW_PX, WINDOW_PX), outputRejectLevels=True
        )
        found = [
            Detection(_scaled(box, 1 / scale, width, height), float(weight))
            for box, level, weight in zip(boxes, levels, weights, strict=True)
            # OpenCV also returns windows that one of the last stages refused.
            if level >= self._stages
        ]
        found = merged(found)
        found.sort(key=lambda face: (-face.box.width * face.box.height, face.box.x, face.box.y))
        return found[:max_faces]


def merged(found: Sequence[Detection]) -> list[Detection]:
    """One detection for each face, the surest: others that share MERGE_OVERLAP with it are left out."""
    kept: list[Detection] = []
    for face in sorted(found, key=lambda face: (-face.weight, -face.box.width * face.box.height)):
        if all(_overlap(face.box, other.box) < MERGE_OVERLAP for other in kept):
            kept.append(face)
    return kept


def _overlap(a: Box, b: Box) -> float:
    """Intersection over the smaller box."""
    across = min(a.x + a.width, b.x + b.width) - max(a.x, b.x)
    down = min(a.y + a.height, b.y + b.height) - max(a.y, b.y)
    return max(across, 0) * max(down, 0) / min(a.width * a.height, b.width * b.height)


def _scaled(box: Sequence[int], factor: float, width: int, height: int) -> Box:
    x, y, w, h = (round(float(value) * factor) for value in box)
    return Box(x, y, min(w, width - x), min(h, height - y))


def _count_stages() -> int:
    storage = cv2.FileStorage(str(FILE), cv2.FILE_STORAGE_READ)
    return int(storage.getFirstTopLevelNode().getNode("stageNum").real())
