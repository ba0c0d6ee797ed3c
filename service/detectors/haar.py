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
# Near the faces of the last frame, each is first looked for where it is this wide, with fewer neighbours, and then as
# `detect` does, so far around that glimpse (in its sides). Both take 0.7 of the time of searching the whole region as
# `detect` does, and find the same faces (docs/streams.md).
GLIMPSE_PX = 36
GLIMPSE_NEIGHBOURS = 2
GLIMPSE_REACH = 0.15


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
        # The smallest face that is searched for becomes as wide as the window.
        height, width = grey.shape
        scale = WINDOW_PX / self.smallest_px((width, height), min_face_px)
        small = _shrunk(grey, scale)
        found = self._search(small, WINDOW_PX, max(small.shape), NEIGHBOURS)
        if small.size > KEPT_PIXELS:
            del self._local.cascade
        whole = [replace(each, box=_scaled(each.box, 1 / scale, width, height)) for each in found]
        return largest_first(merged(whole))[:max_faces]

    def detect_near(
        self, grey: Grey, expected: Sequence[Expected], *, max_faces: int, min_face_px: int | None = None
    ) -> list[Detection]:
        """See `FaceDetector.detect_near`. Each face is looked for in a smaller image first."""
        scale = WINDOW_PX / self.smallest_px((grey.shape[1], grey.shape[0]), min_face_px)
        found: list[Detection] = []
        for face in expected:
            glimpse = self._glimpse(grey, face, scale)
            seen = [] if glimpse is None else self._search_near(grey, glimpse, GLIMPSE_REACH, scale, NEIGHBOURS)
            found += seen or self._search_near(grey, face.box, face.reach, scale, NEIGHBOURS)
        return largest_first(merged(found))[:max_faces]

    def _glimpse(self, grey: Grey, face: Expected, scale: float) -> Box | None:
        """Where the face seems to be in an image that is smaller than that of this scale; None where it is not."""
        smaller = GLIMPSE_PX / near.side(face.box)
        found = self._search_near(grey, face.box, face.reach, smaller, GLIMPSE_NEIGHBOURS) if smaller < scale else []
        return max(found, key=lambda each: each.weight or 0.0).box if found else None

    def _search_near(self, grey: Grey, box: Box, reach: float, scale: float, neighbours: int) -> list[Detection]:
        """Faces near a box and about as large, searched in its part of the image, shrunk by `scale`."""
        side = near.side(box)
        region = near.region(box, reach, grey.shape[::-1])
        small = _shrunk(grey[region.y : region.y + region.height, region.x : region.x + region.width], scale)
        smallest, largest = (round(side * scale * ratio) for ratio in (1 / near.SIZE_RATIO, near.SIZE_RATIO))
        found = self._search(small, max(WINDOW_PX, smallest), largest, neighbours)
        boxes = [_scaled(each.box, 1 / scale, region.width, region.height) for each in found]
        return [
            replace(each, box=replace(box, x=box.x + region.x, y=box.y + region.y))
            for each, box in zip(found, boxes, strict=True)
        ]

    def _search(self, small: Grey, smallest: int, largest: int, neighbours: int) -> list[Detection]:
        """Faces from `smallest` to `largest` pixels wide; all in pixels of the shrunken image."""
        if min(*small.shape, largest) < WINDOW_PX:
            return []
        boxes, levels, weights = self._cascade.detectMultiScale3(
            small,
            STEP,
            neighbours,
            minSize=(smallest, smallest),
            maxSize=(largest, largest),
            outputRejectLevels=True,
        )
        return [
            Detection(Box(x, y, w, h), weight=float(weight))
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


def _shrunk(grey: Grey, scale: float) -> Grey:
    """The image at this scale, which is at most 1."""
    height, width = grey.shape
    small_wh = max(1, round(width * scale)), max(1, round(height * scale))
    return grey if small_wh == (width, height) else shrink(grey, small_wh)


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
