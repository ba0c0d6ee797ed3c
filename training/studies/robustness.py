"""Faces as they come, not only as FER-2013 crops them: how much accuracy each change of the picture costs.

Every condition is the same faces changed in one way, so a loss is a difference on the same faces.

Where a change needs pixels from beyond the picture, the edge pixels go on, as `service.images.cut` does at the edge
of a photo. A photo would have the rest of the head there, which the crops have lost. Reflecting is what the training's
own augmentation does, so it would measure the network on pictures of a kind that it has practised.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import cv2
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from service import images
from service.faces import FaceDetector
from service.images import Box
from training.release import framing
from training.release.figures import BLUE, INK, ORANGE, RED, SOFT, STYLE, TEAL

Answer = Callable[[np.ndarray], np.ndarray]
"""Faces uint8 (n, h, w, 1) to probabilities (n, classes)."""
Change = Callable[[np.ndarray], np.ndarray]
"""Faces uint8 (n, h, w, 1) to as many of the same size."""

SEED = 0
SHIFT, SCALE, ROTATION_DEG = 0.15, 0.15, 15.0
DARKER, BRIGHTER = 0.5, 1.5
JPEG_QUALITY = 30
SMALL_PX = 24
# As many faces as the service looks for unless told otherwise.
MAX_FACES = 10
# Intersection over union from which a box is of this face: the usual limit of detection benchmarks.
OVERLAP = 0.5
ALLOWED_POINTS, ALLOWED_POINTS_SMALL = 5.0, 10.0
# Mean absolute difference of a probability between a face and its mirror image.
ALLOWED_MIRROR_DIFFERENCE = 0.02
CUT = "cut by Haar from a larger picture"


@dataclass(frozen=True)
class Condition:
    """A change, the accuracy that it may cost, and, where it is drawn at random, the ends of what is drawn."""

    name: str
    change: Change
    allowed_points: float = ALLOWED_POINTS
    extremes: tuple[tuple[str, Change], ...] = ()


def measure(answer: Answer, faces: np.ndarray, labels: np.ndarray, crop_margin: float) -> dict:
    """Accuracy of the faces as they are and under every condition; plain numbers for JSON."""
    probabilities = answer(faces)
    right = probabilities.argmax(1) == labels
    mirrored = answer(np.ascontiguousarray(faces[:, :, ::-1]))
    cut, rows = recut(faces, crop_margin)
    found = answer(cut).argmax(1) == labels[rows] if len(rows) else right[rows]
    return {
        "faces": len(labels),
        "clean": float(right.mean()),
        "mirror_difference": float(np.abs(mirrored - probabilities).mean()),
        "conditions": [
            _compare(CUT, right[rows], found, ALLOWED_POINTS),
            *(_under(condition, answer, faces, labels, right) for condition in CONDITIONS),
        ],
    }


def passes(result: dict) -> list[str]:
    """The promises that the figures break, a sentence each; none is a pass."""
    broken = []
    for row in result["conditions"]:
        if row["faces"] == 0:
            broken.append(f"{row['name']}: no face was found")
        elif row["loss_points"] > row["allowed_points"]:
            broken.append(
                f"{row['name']}: {row['loss_points']:.1f} points are lost, {row['allowed_points']:g} are allowed"
            )
    if not result["mirror_difference"] < ALLOWED_MIRROR_DIFFERENCE:
        broken.append(
            f"mirrored: probabilities differ by {result['mirror_difference']:.4f}, "
            f"less than {ALLOWED_MIRROR_DIFFERENCE} is allowed"
        )
    return broken


def _under(condition: Condition, answer: Answer, faces: np.ndarray, labels: np.ndarray, right: np.ndarray) -> dict:
    changed = answer(condition.change(faces)).argmax(1) == labels
    row = _compare(condition.name, right, changed, condition.allowed_points)
    if not condition.extremes:
        return row
    ends = [
        _compare(name, right, answer(change(faces)).argmax(1) == labels, None) for name, change in condition.extremes
    ]
    worst = max(ends, key=lambda end: end["loss_points"])
    return row | {"worst": {key: worst[key] for key in ("name", "accuracy", "loss_points")}}


def _compare(name: str, before: np.ndarray, after: np.ndarray, allowed_points: float | None) -> dict:
    """What is right before and after a change, of the same faces; no faces have no accuracy."""
    count = len(before)
    return {
        "name": name,
        "faces": count,
        "clean": float(before.mean()) if count else None,
        "accuracy": float(after.mean()) if count else None,
        # From whole numbers, so that a loss of exactly what is allowed is allowed.
        "loss_points": 100 * (int(before.sum()) - int(after.sum())) / count if count else None,
        "allowed_points": allowed_points,
    }


# --- changes -----------------------------------------------------------------------------------


def move(
    faces: np.ndarray,
    across: float | np.ndarray = 0.0,
    down: float | np.ndarray = 0.0,
    scale: float | np.ndarray = 1.0,
    degrees: float | np.ndarray = 0.0,
) -> np.ndarray:
    """Shift in shares of the side, scale and rotate (counter-clockwise) about the middle; one value or one per face."""
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
    """Each face by amounts of its own, up to SHIFT in both directions and up to SCALE."""
    across, down, scale = np.random.default_rng(SEED).uniform(-1, 1, (3, len(faces)))
    return move(faces, SHIFT * across, SHIFT * down, 1 + SCALE * scale)


def rotate(faces: np.ndarray) -> np.ndarray:
    """Each face by an angle of its own, up to ROTATION_DEG either way."""
    return move(faces, degrees=np.random.default_rng(SEED).uniform(-ROTATION_DEG, ROTATION_DEG, len(faces)))


def light(faces: np.ndarray, factor: float) -> np.ndarray:
    """Grey values times `factor`, clipped as a sensor clips."""
    return np.rint(np.clip(faces * factor, 0, 255)).astype(np.uint8)


def compress(faces: np.ndarray) -> np.ndarray:
    """Through a JPEG file of JPEG_QUALITY. Harder than a photo of that quality, whose faces are larger when packed."""
    return _each(faces, _through_jpeg)


def shrink(faces: np.ndarray) -> np.ndarray:
    """Faces of SMALL_PX, by averaging, enlarged as the service enlarges a face that is small in its photo."""
    return _each(faces, _enlarge_small)


def _each(faces: np.ndarray, change: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    return np.stack([change(face) for face in faces[..., 0]])[..., None]


def _through_jpeg(face: np.ndarray) -> np.ndarray:
    _, packed = cv2.imencode(".jpg", face, (cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY))
    return images.decode(packed.tobytes(), max_pixels=face.size).grey


def _enlarge_small(face: np.ndarray) -> np.ndarray:
    small = images.resize(face, (SMALL_PX, SMALL_PX))
    return images.crop(small, Box(0, 0, SMALL_PX, SMALL_PX), (face.shape[1], face.shape[0]), 0.0)


def recut(faces: np.ndarray, crop_margin: float) -> tuple[np.ndarray, np.ndarray]:
    """Faces as the service cuts them from a larger picture that they are in, and the rows (m,) of those it finds.

    Each is enlarged with its border repeated outwards (`framing.surrounded`), looked for with the service's own
    settings, and cut with `crop_margin`. A box elsewhere is not this face.
    """
    detector = FaceDetector()
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
    """Intersection over union."""
    width = min(a.x + a.width, b.x + b.width) - max(a.x, b.x)
    height = min(a.y + a.height, b.y + b.height) - max(a.y, b.y)
    shared = max(width, 0) * max(height, 0)
    return shared / (a.width * a.height + b.width * b.height - shared)


_CORNERS = tuple(
    (
        f"{'right' if x > 0 else 'left'} and {'down' if y > 0 else 'up'}, {'larger' if s > 0 else 'smaller'}",
        partial(move, across=SHIFT * x, down=SHIFT * y, scale=1 + SCALE * s),
    )
    for x, y, s in itertools.product((-1, 1), repeat=3)
)
_TURNS = tuple((f"{angle:+g} degrees", partial(move, degrees=angle)) for angle in (-ROTATION_DEG, ROTATION_DEG))

CONDITIONS = (
    Condition(f"shifted and scaled by up to {SHIFT:.0%}", shift_and_scale, extremes=_CORNERS),
    Condition(f"rotated by up to {ROTATION_DEG:g} degrees", rotate, extremes=_TURNS),
    Condition("darker by half", partial(light, factor=DARKER)),
    Condition("brighter by half", partial(light, factor=BRIGHTER)),
    Condition(f"JPEG of quality {JPEG_QUALITY}", compress),
    Condition(f"{SMALL_PX} pixels wide", shrink, ALLOWED_POINTS_SMALL),
)


# --- picture -----------------------------------------------------------------------------------


def figure(result: dict) -> Figure:
    """Accuracy under each condition, beside that of the same faces unchanged and what may be lost of it."""
    rows = [row for row in result["conditions"] if row["faces"]]
    with mpl.rc_context(STYLE):
        drawn, axis = plt.subplots(figsize=(9, 0.55 * len(rows) + 1.6))
        for place, row in enumerate(rows):
            accuracy, limit = 100 * row["accuracy"], 100 * row["clean"] - row["allowed_points"]
            kept = row["loss_points"] <= row["allowed_points"]
            axis.barh(place, accuracy, 0.62, color=BLUE if kept else RED)
            axis.plot((limit, limit), (place - 0.4, place + 0.4), color=ORANGE, lw=2)
            axis.text(1, place, f"{accuracy:.1f} %  ({-row['loss_points']:+.1f})", va="center", color="white")
            if "worst" in row:
                axis.plot(100 * row["worst"]["accuracy"], place, "D", color=INK, ms=5)
        axis.axvline(100 * result["clean"], color=TEAL, lw=1.5)
        names = [f"{row['name']}\n({row['faces']:,} faces)" for row in rows]
        axis.set_yticks(range(len(rows)), names, fontsize=9)
        axis.invert_yaxis()
        axis.set_xlim(0, 100)
        axis.set_xlabel("right answers (%); points against the same faces unchanged in brackets")
        axis.xaxis.grid(True)
        axis.set_axisbelow(True)
        axis.plot([], [], color=TEAL, label=f"unchanged: {result['clean']:.1%}")
        axis.plot([], [], color=ORANGE, lw=2, label="least allowed")
        axis.plot([], [], "D", color=INK, ms=5, ls="", label="worst extreme (no limit)")
        axis.legend(loc="upper left", bbox_to_anchor=(1, 1))
        axis.set_title(f"Changed pictures; mirrored ones differ by {result['mirror_difference']:.3f}", color=INK)
        axis.tick_params(axis="y", length=0, labelcolor=INK)
        axis.spines["left"].set_color(SOFT)
    return drawn
