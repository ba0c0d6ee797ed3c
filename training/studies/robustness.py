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

import numpy as np

from training.studies.changes import (
    BRIGHTER,
    DARKER,
    JPEG_QUALITY,
    ROTATION_DEG,
    SCALE,
    SHIFT,
    SMALL_PX,
    Change,
    compress,
    light,
    move,
    recut,
    rotate,
    shift_and_scale,
    shrink,
)

Answer = Callable[[np.ndarray], np.ndarray]
"""Faces uint8 (n, h, w, 1) to probabilities (n, classes)."""

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
