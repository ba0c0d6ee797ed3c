"""What both detectors find, miss and invent, what that costs, and how alike the faces they find are read.

    python -m benchmarks.detection FOLDER [--haar-settings] > docs/detectors.md

FOLDER holds photos and annotations.json (see benchmarks/scenes.py). Times are processor time on one thread, since
that depends least on what else runs; they still want a quiet machine. The figures that the code names come from here.
"""

import argparse
import itertools
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from unittest.mock import patch

import cv2

from benchmarks import answers
from benchmarks.scenes import Picture, matched, photos, scenes, shrunk, side, tilted
from service.detectors import centerface, haar
from service.detectors.base import Detection, FaceDetector

TILTS = (0, 20, 40)
INPUTS = (256, 320, 480, 640)
# Longer sides that photos are shrunk to, so that their faces become small.
SHRUNK_TO = (64, 96, 128, 160, 192, 224, 256, 288, 320)
# Sides of a face in pixels: from one to the next is a row of the table.
SIZES_PX = (8, 11, 14, 18, 23, 32, 64)
FACES_PX = (64, 96, 128, 192, 256)
MOST_FACES = 100

INTRODUCTION = """# The two detectors, measured

Written by `python -m benchmarks.detection FOLDER --haar-settings > docs/detectors.md`. The photos and their boxes are
test data that is not published. A box is a face's when they share more than 0.35 of their union. Milliseconds are
processor time on one thread. Why there are two detectors: [decision 6](decisions/0007-centerface-beside-haar.md).
"""

Detect = Callable[[Picture], list[Detection]]


def count(pictures: Iterable[Picture], detect: Detect) -> tuple[int, int, float]:
    """Faces found, boxes without a face, and the median of processor milliseconds for a picture."""
    hits = false = 0
    spent = []
    for picture in pictures:
        started = time.process_time()
        found = detect(picture)
        spent.append((time.process_time() - started) * 1000)
        here = matched([face.box for face in found], picture.faces)
        hits, false = hits + len(here), false + len(found) - len(here)
    return hits, false, statistics.median(spent)


def searching(detector: FaceDetector, min_face_px: int | None = None) -> Detect:
    return lambda picture: detector.detect(picture.grey, max_faces=MOST_FACES, min_face_px=min_face_px)


def at_input(detector: FaceDetector, longer_side: int) -> Detect:
    """CenterFace with another size of its input."""

    def detect(picture: Picture) -> list[Detection]:
        with patch.object(centerface, "SMALLEST_SHARE", centerface.WINDOW_PX / longer_side):
            return searching(detector)(picture)

    return detect


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    print(f"| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for row in rows:
        print(f"| {' | '.join(map(str, row))} |", flush=True)
    print()


def recall(pictures: Sequence[Picture], ways: dict[str, Detect]) -> None:
    turned = {
        tilt: [tilted(picture, sign * tilt) for sign in ((1, -1) if tilt else (1,)) for picture in pictures]
        for tilt in TILTS
    }
    faces = {tilt: sum(len(picture.faces) for picture in row) for tilt, row in turned.items()}
    head = ["detector", *(f"found of {faces[tilt]}, false: {tilt}°" for tilt in TILTS), "ms for a photo"]

    def row(name: str, detect: Detect) -> list[object]:
        counted = {tilt: count(turned[tilt], detect) for tilt in TILTS}
        return [name, *(f"{hits}, {false}" for hits, false, _ in counted.values()), f"{counted[0][2]:.1f}"]

    print(f"## Photos\n\n{len(pictures)} photos; tilted ones are turned both ways.\n")
    table(head, (row(name, detect) for name, detect in ways.items()))


def by_size(pictures: Sequence[Picture], detectors: dict[str, FaceDetector]) -> None:
    """Photos are shrunk until the detector searches them as they are: the smallest faces that its window finds."""
    rows = []
    for low, high in itertools.pairwise(SIZES_PX):
        rows.append([f"{low} to {high - 1} px"])
        for detector in detectors.values():
            hits = faces = 0
            for picture in (shrunk(each, longer) for each in pictures for longer in SHRUNK_TO):
                wanted = [face for face in picture.faces if low <= side(face) < high]
                found = detector.detect(picture.grey, max_faces=MOST_FACES, min_face_px=1)
                hits, faces = hits + len(matched([face.box for face in found], wanted)), faces + len(wanted)
            rows[-1].append(f"{hits} of {faces}")
    print("## The smallest faces\n\nThe photos, shrunk; sizes are the side of a square of the same area.\n")
    table(["face", *detectors], rows)


def small_faces(pictures: Sequence[Picture], detectors: dict[str, FaceDetector]) -> None:
    head = ["face", "detector", "`min_face_px`", "looked for from", "found", "false", "ms"]

    def rows() -> Iterable[list[object]]:
        for face_px in FACES_PX:
            made = scenes(pictures, face_px)
            faces = sum(len(scene.faces) for scene in made)
            for (name, detector), wish in itertools.product(detectors.items(), (None, round(face_px * 0.8))):
                hits, false, ms = count(made, searching(detector, wish))
                size_wh = made[0].grey.shape[1], made[0].grey.shape[0]
                smallest = f"{detector.smallest_px(size_wh, wish):.0f} px"
                yield [f"{face_px} px", name, wish or "none", smallest, f"{hits} of {faces}", false, f"{ms:.0f}"]

    print("## Small faces in 12 megapixels\n\nScenes of 4000x3000 with twelve faces each.\n")
    table(head, rows())


def haar_settings(pictures: Sequence[Picture], detector: FaceDetector) -> None:
    def rows() -> Iterable[list[object]]:
        for share, step, neighbours in itertools.product((1 / 12, 1 / 16, 1 / 24), (1.1, 1.15, 1.2), (3, 4, 5)):
            with patch.multiple(haar, SMALLEST_SHARE=share, STEP=step, NEIGHBOURS=neighbours):
                hits, false, ms = count(pictures, searching(detector))
            yield [f"1/{1 / share:.0f}", step, neighbours, hits, false, f"{ms:.1f}"]

    print("## Haar's settings\n")
    table(["smallest share", "step", "neighbours", "found", "false", "ms"], rows())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", type=Path, default=Path("models/emotion.onnx"))
    parser.add_argument("--haar-settings", action="store_true", help="also try 27 settings of the cascade")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    pictures = photos(arguments.folder)
    detectors: dict[str, FaceDetector] = {"haar": haar.HaarDetector(), "centerface": centerface.CenterFaceDetector()}
    ways = {"haar": searching(detectors["haar"])}
    ways |= {f"centerface, {size} px": at_input(detectors["centerface"], size) for size in INPUTS}
    print(INTRODUCTION)
    recall(pictures, ways)
    by_size(pictures, detectors)
    small_faces(pictures, detectors)
    answers.report(pictures, detectors["haar"], detectors["centerface"], arguments.model, table)
    if arguments.haar_settings:
        haar_settings(pictures, detectors["haar"])


if __name__ == "__main__":
    main()
