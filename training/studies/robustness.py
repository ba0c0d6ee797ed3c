"""How much accuracy each change of the picture costs: real faces are not all cropped and lit like the data's.

Every condition changes the same faces in one way, so each loss is a difference on the same faces.
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
# Largest mean absolute difference of a probability between a face and its mirror image.
ALLOWED_MIRROR_DIFFERENCE = 0.02
CUT = "cut by Haar from a larger picture"


@dataclass(frozen=True)
class Condition:
    """A change, the accuracy that it may cost in points, and, for a random change, its extreme cases."""

    name: str
    change: Change
    allowed_points: float = ALLOWED_POINTS
    extremes: tuple[tuple[str, Change], ...] = ()


def measure(answer: Answer, faces: np.ndarray, labels: np.ndarray, crop_margin: float) -> dict:
    """Accuracy of faces uint8 (n, h, w, 1) unchanged and under every condition; plain numbers for JSON."""
    probabilities = answer(faces)
    correct = probabilities.argmax(1) == labels
    mirrored = answer(np.ascontiguousarray(faces[:, :, ::-1]))
    cut, rows = recut(faces, crop_margin)
    found = answer(cut).argmax(1) == labels[rows] if len(rows) else correct[rows]
    return {
        "faces": len(labels),
        "clean": float(correct.mean()),
        "mirror_difference": float(np.abs(mirrored - probabilities).mean()),
        "conditions": [
            compare(CUT, correct[rows], found, ALLOWED_POINTS),
            *(under(condition, answer, faces, labels, correct) for condition in CONDITIONS),
        ],
    }


def failures(result: dict) -> list[str]:
    """A sentence for each requirement that the figures do not meet."""
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


def under(condition: Condition, answer: Answer, faces: np.ndarray, labels: np.ndarray, correct: np.ndarray) -> dict:
    """One row of `conditions`; `correct` (n,) says which faces are answered correctly when unchanged."""
    changed = answer(condition.change(faces)).argmax(1) == labels
    row = compare(condition.name, correct, changed, condition.allowed_points)
    if not condition.extremes:
        return row
    ends = [
        compare(name, correct, answer(change(faces)).argmax(1) == labels, None) for name, change in condition.extremes
    ]
    worst = max(ends, key=lambda end: end["loss_points"])
    return row | {"worst": {key: worst[key] for key in ("name", "accuracy", "loss_points")}}


def compare(name: str, before: np.ndarray, after: np.ndarray, allowed_points: float | None) -> dict:
    """Accuracy before and after a change, from whether each face is correct (n,); None where n is 0."""
    count = len(before)
    return {
        "name": name,
        "faces": count,
        "clean": float(before.mean()) if count else None,
        "accuracy": float(after.mean()) if count else None,
        # Computed from whole numbers, so that a loss of exactly the limit is allowed.
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
