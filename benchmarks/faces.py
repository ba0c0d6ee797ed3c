"""Faces as they come: how the model answers for crops by both detectors, tilted, small, dark and half hidden faces, and
how far an answer moves when the box moves.

    python -m benchmarks.faces fer2013.csv > docs/faces.md

Measured on validation faces, which chose the model and so are answered a little too well. A face is enlarged four
times, with its border repeated outwards, so that a detector can find it; of the faces of a table every n-th is used.
FER_MODEL names another model than models/emotion.onnx. A model that has learned from these faces has its twin measured
in its place.
"""

import argparse
import itertools
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from service import images
from service.analysis import prediction_set
from service.classifier import EmotionClassifier
from service.detectors.base import Detection, FaceDetector
from service.detectors.centerface import CenterFaceDetector
from service.detectors.haar import HaarDetector
from service.images import Box, Grey
from service.settings import default_model
from training.data.dataset import Split
from training.data.load import load
from training.release import framing, twin
from training.studies.changes import OVERLAP, light, move, overlap

Faces = np.ndarray
Change = Callable[[Faces], Faces]

TILTS = (0, 15, 30)
# The box moves by so much of its side, or becomes so much larger or smaller.
STEP = 0.06
MOST_FACES = 10
BATCH = 128
SIDES_PX = (32, 24, 16)
FACTORS = (0.5, 0.25)

INTRODUCTION = """# Faces as they come

Written by `python -m benchmarks.faces fer2013.csv > docs/faces.md`, on validation faces of FER-2013, for the model
{version}.
"""


TWIN = """
The model has learned from these faces; all figures are those of its twin, which was trained in the same way without
them.
"""


def answered(classifier: EmotionClassifier, faces: Faces) -> Faces:
    """Probabilities (n, classes) of faces uint8 (n, h, w, 1)."""
    starts = range(0, len(faces), BATCH)
    return np.concatenate([classifier.classify(faces[at : at + BATCH]).probabilities for at in starts])


# --- as detectors find them --------------------------------------------------------------------


def detected(
    classifier: EmotionClassifier, split: Split, detector: FaceDetector, degrees: float, *, upright: bool
) -> tuple[Faces, Faces]:
    """Crops of the faces that are found when tilted by this much, uint8 (m, h, w, 1), and their rows (m,)."""
    contract = classifier.contract
    crops, rows = [], []
    for row, face in enumerate(split.faces[..., 0]):
        picture = framing.surrounded(face)
        tilted = move(picture[None, ..., None], degrees=degrees)[0, ..., 0]
        found = nearest(detector.detect(tilted, max_faces=MOST_FACES), tilted)
        if found is None:
            continue
        turned = found.degrees if upright else 0.0
        crops.append(images.crop(tilted, found.square, contract.size_wh, contract.crop_margin, turned))
        rows.append(row)
    return np.stack(crops)[..., None] if crops else split.faces[:0], np.array(rows, int)


def nearest(found: list[Detection], picture: Grey) -> Detection | None:
    """The detection that is the face in the middle of the picture."""
    side = picture.shape[0] / (1 + 2 * framing.BORDER)
    start = round(side * framing.BORDER)
    place = Box(start, start, round(side), round(side))
    best = max(found, key=lambda each: overlap(place, each.square), default=None)
    return best if best is not None and overlap(place, best.square) >= OVERLAP else None


def table_of_detectors(classifier: EmotionClassifier, split: Split, given: Faces) -> list[str]:
    ways: tuple[tuple[str, FaceDetector, bool], ...] = (
        ("haar", HaarDetector(), False),
        ("centerface, left as tilted", CenterFaceDetector(), False),
        ("centerface, turned upright by landmarks", CenterFaceDetector(), True),
    )
    lines = [
        f"\n## As detectors find them ({len(split):,} faces)\n",
        "| tilted by | crop | found | accuracy of those | of the same faces as they are in the data |",
        "|---|---|---|---|---|",
    ]
    for tilt, (name, detector, upright) in itertools.product(TILTS, ways):
        # Half of the faces each way.
        right = found = plain = 0
        for sign in (-1, 1) if tilt else (1,):
            half = slice(None) if not tilt else slice(max(0, sign), None, 2)
            part = Split(split.faces[half], split.labels[half])
            crops, rows = detected(classifier, part, detector, sign * tilt, upright=upright)
            found += len(rows)
            if len(rows):
                right += int((answered(classifier, crops).argmax(1) == part.labels[rows]).sum())
                plain += int((given[half][rows].argmax(1) == part.labels[rows]).sum())
        shares = f"{found / len(split):.0%} | {right / max(1, found):.1%} | {plain / max(1, found):.1%}"
        lines.append(f"| {tilt}° | {name} | {shares} |")
    return lines


# --- changed -----------------------------------------------------------------------------------


def hidden(faces: Faces, rows: slice, columns: slice) -> Faces:
    """A part of each face under its mean grey."""
    covered = faces.copy()
    covered[:, rows, columns] = faces.mean((1, 2), keepdims=True).astype(np.uint8)
    return covered


def shrunk(faces: Faces, side: int) -> Faces:
    """As the service enlarges a small face."""
    size_wh = (faces.shape[2], faces.shape[1])
    small = [images.resize(images.resize(face, (side, side)), size_wh) for face in faces[..., 0]]
    return np.stack(small)[..., None]


def changes(side: int) -> list[tuple[str, Change]]:
    """What happens to faces of this side, in pixels."""
    half = side // 2
    every, first, last = slice(None), slice(0, half), slice(half, None)
    parts = {"upper": (first, every), "lower": (last, every), "left": (every, first), "right": (every, last)}
    return [
        *((f"{pixels} pixels wide", partial(shrunk, side=pixels)) for pixels in SIDES_PX),
        *((f"grey values times {factor:g}", partial(light, factor=factor)) for factor in FACTORS),
        *((f"{name} half hidden", partial(hidden, rows=y, columns=x)) for name, (y, x) in parts.items()),
    ]


def table_of_changes(classifier: EmotionClassifier, split: Split, given: Faces) -> list[str]:
    lines = [
        f"\n## Small, dark, half hidden ({len(split):,} faces)\n",
        f"Unchanged: {(given.argmax(1) == split.labels).mean():.1%}.\n",
        "| change | accuracy | answers that stay the same | `uncertain` |",
        "|---|---|---|---|",
    ]
    for name, change in changes(split.faces.shape[1]):
        found = answered(classifier, change(split.faces))
        right, same = (found.argmax(1) == split.labels).mean(), (found.argmax(1) == given.argmax(1)).mean()
        lines.append(f"| {name} | {right:.1%} | {same:.1%} | {uncertain(classifier, found).mean():.0%} |")
    return lines


# --- moved -------------------------------------------------------------------------------------


def uncertain(classifier: EmotionClassifier, found: Faces) -> Faces:
    """Whether the service says `uncertain` of each answer (n,)."""
    threshold = classifier.contract.prediction_set_threshold
    return np.array([len(prediction_set(row, threshold)) > 1 for row in found])


def moves() -> list[dict[str, float]]:
    """All neighbours of a box: the eight directions, larger, smaller."""
    steps = (-STEP, 0.0, STEP)
    shifts = [{"across": x, "down": y} for x, y in itertools.product(steps, repeat=2) if x or y]
    return [*shifts, {"scale": 1 - STEP}, {"scale": 1 + STEP}]


def tables_of_moves(classifier: EmotionClassifier, split: Split, given: Faces) -> list[str]:
    around = moves()
    moved = [answered(classifier, move(split.faces, **each)) for each in around]
    other = np.stack([found.argmax(1) != given.argmax(1) for found in moved])
    open_to = uncertain(classifier, given)
    distance = np.mean([np.abs(found - given).sum(1) / 2 for found in moved])
    lines = [
        f"\n## When the box moves by {STEP:.0%} ({len(split):,} faces)\n",
        "The box is shifted in eight directions, made larger and smaller. On average "
        f"{distance:.1%} of the probability\nmoves to another label.\n",
        "| answer | faces | another label after a move | after at least one of ten moves |",
        "|---|---|---|---|",
    ]
    for name, rows in (("all", np.ones_like(open_to)), ("`uncertain`", open_to), ("not `uncertain`", ~open_to)):
        lines.append(f"| {name} | {rows.sum():,} | {other[:, rows].mean():.1%} | {other[:, rows].any(0).mean():.1%} |")
    lines += [
        f"\n{other[:, open_to].sum() / max(1, other.sum()):.1%} of all changes are to answers that are `uncertain`.\n",
        "| mean of | accuracy | cross-entropy | milliseconds a face |",
        "|---|---|---|---|",
    ]
    straight = [found for found, each in zip(moved, around, strict=True) if 0.0 in each.values()]
    for name, views in (("1 box", [given]), ("5 boxes", [given, *straight]), ("11 boxes", [given, *moved])):
        mean = np.mean(views, axis=0)
        loss = -np.log(mean[np.arange(len(mean)), split.labels]).mean()
        spent = milliseconds(classifier, split.faces[: len(views)])
        lines.append(f"| {name} | {(mean.argmax(1) == split.labels).mean():.1%} | {loss:.3f} | {spent:.1f} |")
    lines.append(f"\nA difference in accuracy has a standard error of at most {standard_error(given, straight):.1%}.")
    return lines


def standard_error(given: Faces, others: list[Faces]) -> float:
    """Of the difference in accuracy between one box and five, at most: a changed answer counts by one at most."""
    mean = np.mean([given, *others], axis=0)
    changed = int((mean.argmax(1) != given.argmax(1)).sum())
    return float(np.sqrt(changed) / len(given))


def milliseconds(classifier: EmotionClassifier, faces: Faces, rounds: int = 30) -> float:
    """Median processor time of one run for these faces."""
    spent = []
    for _ in range(rounds):
        started = time.thread_time()
        classifier.classify(faces)
        spent.append(1000 * (time.thread_time() - started))
    return float(np.median(spent))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="FER-2013 as CSV")
    parser.add_argument("--every", type=int, default=3, help="use every n-th face (default %(default)s)")
    parser.add_argument(
        "--every-detected", type=int, default=12, help="of the table of detectors, which is slow (default %(default)s)"
    )
    options = parser.parse_args()
    model = Path(os.environ.get("FER_MODEL", default_model()))
    classifier = EmotionClassifier(twin.of_file(model))
    validation = load(options.data).validation
    print(INTRODUCTION.format(version=EmotionClassifier(model).contract.version), end="")
    if twin.of_file(model) != model:
        print(TWIN, end="")
    for table, step in (
        (table_of_detectors, options.every_detected),
        (table_of_changes, options.every),
        (tables_of_moves, options.every),
    ):
        part = Split(validation.faces[::step], validation.labels[::step])
        print("\n".join(table(classifier, part, answered(classifier, part.faces))), flush=True)


if __name__ == "__main__":
    main()
