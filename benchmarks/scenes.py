"""Photos whose faces are known, the same tilted, and large scenes made of their faces; how boxes are counted."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from service import images
from service.images import Box, Grey

# A box is a face's from this overlap on (intersection over union). Detectors draw different boxes around one face.
SAME_FACE = 0.35
SCENE_WH = (4000, 3000)
GRID = (4, 3)


@dataclass(frozen=True)
class Picture:
    """Grey pixels and the boxes of all faces."""

    name: str
    grey: Grey
    faces: tuple[Box, ...]


def photos(folder: Path) -> list[Picture]:
    """The photos of annotations.json: {"images": {"path": {"faces": [{"x", "y", "w", "h"}, …]}}}."""
    annotations = json.loads((folder / "annotations.json").read_text())["images"]
    return [
        Picture(
            name,
            images.decode((folder / name).read_bytes(), max_pixels=2**25).grey,
            tuple(Box(face["x"], face["y"], face["w"], face["h"]) for face in row["faces"]),
        )
        for name, row in annotations.items()
        if name.startswith("photos/")
    ]


def tilted(picture: Picture, degrees: float) -> Picture:
    """The whole picture turned clockwise, grey around it; the boxes stay upright and move with their centres."""
    height, width = picture.grey.shape
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), -degrees, 1)
    cos, sin = abs(turn[0, 0]), abs(turn[0, 1])
    wide, high = int(height * sin + width * cos), int(height * cos + width * sin)
    turn[:, 2] += (wide - width) / 2, (high - height) / 2
    grey = cv2.warpAffine(picture.grey, turn, (wide, high), borderMode=cv2.BORDER_CONSTANT, borderValue=127)
    boxes = []
    for box in picture.faces:
        x, y = turn @ (box.x + box.width / 2, box.y + box.height / 2, 1)
        boxes.append(Box(round(x - box.width / 2), round(y - box.height / 2), box.width, box.height))
    return Picture(picture.name, grey.astype(np.uint8, copy=False), tuple(boxes))


def shrunk(picture: Picture, longer_side: int) -> Picture:
    """The whole picture with this longer side; never enlarged."""
    scale = min(1.0, longer_side / max(picture.grey.shape))
    grey = cv2.resize(picture.grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    faces = (Box(*(round(v * scale) for v in (box.x, box.y, box.width, box.height))) for box in picture.faces)
    return Picture(picture.name, grey.astype(np.uint8, copy=False), tuple(faces))


def scenes(pictures: Sequence[Picture], face_px: int, seed: int = 7) -> list[Picture]:
    """12-megapixel scenes: photos without a face enlarged, and faces of `face_px` with what is around them.

    Faces are shrunk, never enlarged by more than a tenth. Every scene has one in each cell of GRID.
    """
    rng = np.random.default_rng(seed)
    grounds = [picture for picture in pictures if not picture.faces]
    known = [(picture, box) for picture in pictures for box in picture.faces if side(box) * 1.1 >= face_px]
    made = []
    for ground in grounds:
        canvas = cv2.resize(ground.grey, SCENE_WH, interpolation=cv2.INTER_CUBIC)
        boxes = []
        for cell in range(GRID[0] * GRID[1]):
            picture, box = known[int(rng.integers(len(known)))]
            patch, inner = _patch(picture.grey, box, face_px)
            room = [SCENE_WH[i] // GRID[i] - patch.shape[1 - i] for i in (0, 1)]
            corner = (cell % GRID[0], cell // GRID[0])
            x, y = (corner[i] * SCENE_WH[i] // GRID[i] + int(rng.integers(max(room[i], 1))) for i in (0, 1))
            canvas[y : y + patch.shape[0], x : x + patch.shape[1]] = patch
            boxes.append(Box(x + inner.x, y + inner.y, inner.width, inner.height))
        made.append(Picture(ground.name, canvas.astype(np.uint8, copy=False), tuple(boxes)))
    return made


def side(box: Box) -> float:
    """The side of a square of the same area."""
    return float((box.width * box.height) ** 0.5)


def _patch(grey: Grey, box: Box, face_px: int) -> tuple[Grey, Box]:
    """The face and as much again on each side, shrunk to `face_px`, and its box therein."""
    left, top = max(box.x - box.width // 2, 0), max(box.y - box.height // 2, 0)
    cut = grey[top : box.y + box.height * 3 // 2, left : box.x + box.width * 3 // 2]
    scale = face_px / side(box)
    inner = Box(*(round(v * scale) for v in (box.x - left, box.y - top, box.width, box.height)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return cv2.resize(cut, None, fx=scale, fy=scale, interpolation=method).astype(np.uint8, copy=False), inner


def overlap(a: Box, b: Box) -> float:
    """Intersection over union."""
    across = min(a.x + a.width, b.x + b.width) - max(a.x, b.x)
    down = min(a.y + a.height, b.y + b.height) - max(a.y, b.y)
    shared = max(across, 0) * max(down, 0)
    return shared / (a.area + b.area - shared)


def matched(found: Sequence[Box], faces: Sequence[Box]) -> dict[int, int]:
    """The index of the box found for each face that has one; no box is two faces'."""
    pairs = sorted(((overlap(f, t), i, j) for i, f in enumerate(found) for j, t in enumerate(faces)), reverse=True)
    result: dict[int, int] = {}
    for shared, i, j in pairs:
        if shared > SAME_FACE and j not in result and i not in result.values():
            result[j] = i
    return result
