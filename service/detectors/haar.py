"""HaarDetector: OpenCV's Haar cascade for frontal faces (Viola and Jones 2001)."""

import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ..images import Box, Grey, shrink
from . import near
from .base import MERGE_OVERLAP, Detection, Expected, largest_first, merged, smallest_px

FILE = Path(cv2.__file__).parent / "data" / "haarcascade_frontalface_default.xml"

# The cascade's own window, in pixels; the image is shrunk until the smallest wanted face is this wide.
WINDOW_PX = 24
# Measured on 16 photos with 34 faces (python -m benchmarks.detection): 29 are found, and no box is false. Steps of 1.1
# find as many and take half as long again; more neighbours lose a face; looking for faces of a 24th instead of a 16th
# of the longer side finds up to two more, adds false boxes, and takes twice the time.
STEP = 1.2
NEIGHBOURS = 3
# Unless a client says otherwise, the smallest face looked for is this share of the longer side: the time is then the
# same for every image size.
SMALLEST_SHARE = 1 / 16
# A cascade keeps 33 bytes for each pixel of the largest image that it has searched. After a larger one than this, which
# only a small `min_face_px` makes, it is read again: 37 ms for 40 MB in every worker.
KEPT_PIXELS = 600_000


class HaarDetector:
    """Finds frontal faces. Safe for many threads: each gets a cascade of its own.

    One cascade shared by threads gives wrong answers (it keeps state between its stages).
    """

    name = "haar_frontalface_default"

    def __init__(self, *, threads: int | None = None) -> None:
        """`threads` as in `use_threads`; None leaves them as they are."""
        if threads is not None:
            use_threads(threads)
        self._local = threading.local()
        # In memory: a worker can open no file.
        self._description = FILE.read_text()
        self._local.cascade, self._stages = _load(self._description)

    def search(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "window_px": WINDOW_PX,
            "step": STEP,
            "neighbours": NEIGHBOURS,
            "smallest_share": SMALLEST_SHARE,
            "merge_overlap": MERGE_OVERLAP,
        }

    def smallest_px(self, size_wh: tuple[int, int], min_face_px: int | None = None) -> float:
        return smallest_px(size_wh, min_face_px, window_px=WINDOW_PX, share=SMALLEST_SHARE)

    def detect(self, grey: Grey, *, max_faces: int, min_face_px: int | None = None) -> list[Detection]:
        """See `FaceDetector.detect`; each detection has the weight of the cascade's last stage."""
        small, scale = self._shrunk(grey, min_face_px)
        found = self._search(small, Box(0, 0, *small.shape[::-1]), WINDOW_PX, max(small.shape))
        if small.size > KEPT_PIXELS:
            del self._local.cascade
        return _whole(found, scale, grey.shape, max_faces)

    def detect_near(
        self, grey: Grey, expected: Sequence[Expected], *, max_faces: int, min_face_px: int | None = None
    ) -> list[Detection]:
        """See `FaceDetector.detect_near`: the same windows as `detect`, but only those near the expected faces."""
        small, scale = self._shrunk(grey, min_face_px)
        found: list[Detection] = []
        for face in expected:
            box = face.box
            shrunken = Box(*(round(value * scale) for value in (box.x, box.y, box.width, box.height)))
            side = near.side(shrunken)
            smallest, largest = max(WINDOW_PX, round(side / near.SIZE_RATIO)), round(side * near.SIZE_RATIO)
            region = near.region(shrunken, face.reach, small.shape[::-1])
            found += self._search(small, region, smallest, largest)
        return _whole(found, scale, grey.shape, max_faces)

    def _shrunk(self, grey: Grey, min_face_px: int | None) -> tuple[Grey, float]:
        """The image in which the smallest face that is searched for is as wide as the window, and its scale."""
        height, width = grey.shape
        scale = WINDOW_PX / self.smallest_px((width, height), min_face_px)
        small_wh = max(1, round(width * scale)), max(1, round(height * scale))
        if small_wh == (width, height):
            return grey, scale
        return shrink(grey, small_wh), scale

    def _search(self, small: Grey, region: Box, smallest: int, largest: int) -> list[Detection]:
        """Faces in a region, from `smallest` to `largest` pixels wide; all in pixels of the shrunken image."""
        if min(region.width, region.height, largest) < WINDOW_PX:
            return []
        pixels = small[region.y : region.y + region.height, region.x : region.x + region.width]
        boxes, levels, weights = self._cascade.detectMultiScale3(
            pixels,
            STEP,
            NEIGHBOURS,
            minSize=(smallest, smallest),
            maxSize=(largest, largest),
            outputRejectLevels=True,
        )
        return [
            Detection(Box(x + region.x, y + region.y, w, h), weight=float(weight))
            for (x, y, w, h), level, weight in zip(np.reshape(boxes, (-1, 4)).tolist(), levels, weights, strict=True)
            # OpenCV also returns windows that one of the last stages refused.
            if level >= self._stages
        ]

    @property
    def _cascade(self) -> cv2.CascadeClassifier:
        if not hasattr(self._local, "cascade"):
            self._local.cascade, _ = _load(self._description)
        cascade: cv2.CascadeClassifier = self._local.cascade
        return cascade


def use_threads(threads: int) -> None:
    """Let OpenCV use so many threads in this process, for everything that it does."""
    if cv2.getNumThreads() != threads:
        cv2.setNumThreads(threads)


def _whole(found: Sequence[Detection], scale: float, shape: tuple[int, int], max_faces: int) -> list[Detection]:
    """Detections in an image shrunk by `scale` as those of the whole one, of `shape` (height, width)."""
    whole = [replace(each, box=_scaled(each.box, 1 / scale, shape[1], shape[0])) for each in found]
    return largest_first(merged(whole))[:max_faces]


def _scaled(box: Box, factor: float, width: int, height: int) -> Box:
    """A box of the shrunken image in pixels of the whole one, cut off at its edges."""
    x, y, w, h = (round(value * factor) for value in (box.x, box.y, box.width, box.height))
    return Box(x, y, min(w, width - x), min(h, height - y))


def _load(description: str) -> tuple[cv2.CascadeClassifier, int]:
    """A cascade from its file's text, and its number of stages."""
    cascade = cv2.CascadeClassifier()
    storage = cv2.FileStorage(description, cv2.FILE_STORAGE_READ | cv2.FILE_STORAGE_MEMORY)
    node = storage.getFirstTopLevelNode()
    cascade.read(node)
    return cascade, int(node.getNode("stageNum").real())
