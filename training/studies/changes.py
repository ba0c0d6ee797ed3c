"""Changes of faces that occur in photos: position, size, rotation, light, compression, resolution.

Where a change needs pixels from outside the picture, the edge pixels are repeated, as in `service.images.crop` at the
edge of a photo. Reflection is what augmentation does in training, so it would test what the network was trained on.
"""

from collections.abc import Callable
from functools import partial

import cv2
import numpy as np

from service import images
from service.detectors.haar import HaarDetector
from service.images import Box
from training.release import framing

Change = Callable[[np.ndarray], np.ndarray]
"""Faces uint8 (n, h, w, 1) to as many of the same size."""
SEED = 0
SHIFT, SCALE, ROTATION_DEG = 0.15, 0.15, 15.0
DARKER, BRIGHTER = 0.5, 1.5
JPEG_QUALITY = 30
SMALL_PX = 24


def move(
    faces: np.ndarray,
    across: float | np.ndarray = 0.0,
    down: float | np.ndarray = 0.0,
    scale: float | np.ndarray = 1.0,
    degrees: float | np.ndarray = 0.0,
) -> np.ndarray:
    """Shift (in shares of the side), scale and rotate (counter-clockwise) about the centre; one value or one per face.

    Faces uint8 (n, h, w, 1).
    """
    height, width = faces.shape[1:3]
    amounts = (np.broadcast_to(value, len(faces)) for value in (across, down, scale, degrees))
    rows = zip(faces[..., 0], *amounts, strict=True)
    moved = np.empty_like(faces)
    for place, (face, x, y, factor, angle) in enumerate(rows):
        matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), float(angle), float(factor))
        matrix[:, 2] += x * width, y * height
        moved[place, :, :, 0] = cv2.warpAffine(face, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return moved


def shift_and_scale(faces: np.ndarray) -> np.ndarray:
    """Shift each face by up to SHIFT in both directions and scale it by up to SCALE, at random with a fixed seed."""
    across, down, scale = np.random.default_rng(SEED).uniform(-1, 1, (3, len(faces)))
    return move(faces, SHIFT * across, SHIFT * down, 1 + SCALE * scale)


def rotate(faces: np.ndarray) -> np.ndarray:
    """Rotate each face by up to ROTATION_DEG in either direction, at random with a fixed seed."""
    return move(faces, degrees=np.random.default_rng(SEED).uniform(-ROTATION_DEG, ROTATION_DEG, len(faces)))


def light(faces: np.ndarray, factor: float) -> np.ndarray:
    """Grey values times `factor`, clipped to 0..255 as a sensor does."""
    return np.rint(np.clip(faces * factor, 0, 255)).astype(np.uint8)


def compress(faces: np.ndarray) -> np.ndarray:
    """Encode and decode as JPEG of JPEG_QUALITY. A photo of that quality loses less: its faces are larger."""
    return _each(faces, _through_jpeg)


def shrink(faces: np.ndarray) -> np.ndarray:
    """Reduce to SMALL_PX by averaging, and enlarge as the service enlarges a small face."""
    return _each(faces, _enlarge_small)


def _each(faces: np.ndarray, change: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    return np.stack([change(face) for face in faces[..., 0]])[..., None]


def _through_jpeg(face: np.ndarray) -> np.ndarray:
    _, packed = cv2.imencode(".jpg", face, (cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY))
    return images.decode(packed.tobytes(), max_pixels=face.size).grey


def _enlarge_small(face: np.ndarray) -> np.ndarray:
    small = images.resize(face, (SMALL_PX, SMALL_PX))
    return images.crop(small, Box(0, 0, SMALL_PX, SMALL_PX), (face.shape[1], face.shape[0]), 0.0)


# The service's default.
MAX_FACES = 10
# Intersection over union from which a box is this face: the usual limit in detection benchmarks.
OVERLAP = 0.5


def recut(faces: np.ndarray, crop_margin: float) -> tuple[np.ndarray, np.ndarray]:
    """Faces as the service detects and crops them in a larger picture: uint8 (m, h, w, 1), and their rows (m,).

    Each face is enlarged with its border repeated outwards (`framing.surrounded`), detected with the service's own
    settings, and cropped with `crop_margin`. A box with an overlap under OVERLAP is another face.
    """
    detector = HaarDetector()
    side = faces.shape[1] * framing.ENLARGED
    start = round(side * framing.BORDER)
    place = Box(start, start, side, side)
    crops, rows = [], []
    for row, face in enumerate(faces[..., 0]):
        picture = framing.surrounded(face)
        boxes = [found.box for found in detector.detect(picture, max_faces=MAX_FACES)]
        box = max(boxes, key=partial(overlap, place), default=None)
        if box and overlap(place, box) >= OVERLAP:
            crops.append(images.crop(picture, box, (faces.shape[2], faces.shape[1]), crop_margin))
            rows.append(row)
    cut = np.stack(crops)[..., None] if crops else faces[:0]
    return cut, np.array(rows, int)


def overlap(a: Box, b: Box) -> float:
    """Intersection over union of two boxes."""
    width = min(a.x + a.width, b.x + b.width) - max(a.x, b.x)
    height = min(a.y + a.height, b.y + b.height) - max(a.y, b.y)
    shared = max(width, 0) * max(height, 0)
    return shared / (a.width * a.height + b.width * b.height - shared)
