"""How alike the classifier reads a face that two detectors found, and a face that is tilted."""

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.scenes import Picture, matched, tilted
from service import images
from service.classifier import EmotionClassifier
from service.detectors import centerface
from service.detectors.base import Detection, FaceDetector
from service.images import Grey

SIDES = (1.0, 1.04, 1.08, 1.1, 1.12, 1.14, 1.16, 1.2)
TILTS = (10, 20, 30, 40)
# Copies of each photo, for a fit that does not hang on where a detector's window happened to fall.
COPIES = 12

Answers = NDArray[np.float64]
Table = Callable[[Sequence[str], Iterable[Sequence[object]]], None]


class Reader:
    """Crops faces as the service does and classifies them."""

    def __init__(self, model: Path) -> None:
        self._classifier = EmotionClassifier(model)

    def read(self, faces: Sequence[tuple[Grey, Detection]]) -> Answers:
        """Probabilities (n, labels)."""
        contract = self._classifier.contract
        crops = [
            images.crop(grey, face.square, contract.size_wh, contract.crop_margin, face.degrees) for grey, face in faces
        ]
        batch: Any = np.stack(crops)[..., None]
        return self._classifier.classify(batch).probabilities


def agreement(a: Answers, b: Answers) -> tuple[float, float]:
    """The share of rows with the same answer, and the mean total variation distance."""
    return float(np.mean(a.argmax(1) == b.argmax(1))), float(np.mean(np.abs(a - b).sum(1) / 2))


def copies(pictures: Sequence[Picture], seed: int = 5) -> list[Picture]:
    """Each photo shifted, scaled by up to a quarter and turned by up to 3 degrees; every other one mirrored."""
    rng = np.random.default_rng(seed)
    made = []
    for picture, copy in itertools.product(pictures, range(COPIES)):
        height, width = picture.grey.shape
        scale = rng.uniform(0.75, 1.25)
        change = cv2.getRotationMatrix2D((width / 2, height / 2), rng.uniform(-3, 3), scale)
        change[0, 2] += rng.uniform(-12, 12) + width * (scale - 1) / 2
        change[1, 2] += rng.uniform(-12, 12) + height * (scale - 1) / 2
        size_wh = round(width * scale), round(height * scale)
        grey = cv2.warpAffine(picture.grey, change, size_wh, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
        if copy % 2:
            grey = cv2.flip(grey, 1)
        made.append(Picture(picture.name, grey.astype(np.uint8, copy=False), ()))
    return made


def pairs(pictures: Iterable[Picture], haar: FaceDetector, other: FaceDetector) -> list[tuple[str, Grey, Any, Any]]:
    """Faces that both find: the photo's name, its pixels, Haar's detection and the other's."""
    result = []
    for picture in pictures:
        mine = haar.detect(picture.grey, max_faces=100)
        theirs = other.detect(picture.grey, max_faces=100)
        both = matched([face.square for face in theirs], [face.box for face in mine])
        result += [(picture.name, picture.grey, mine[j], theirs[i]) for j, i in both.items()]
    return result


def report(pictures: Sequence[Picture], haar: FaceDetector, other: FaceDetector, model: Path, table: Table) -> None:
    reader = Reader(model)
    _framing(pictures, haar, other, reader, table)
    _tilted(pictures, other, reader, table)


def _framing(
    pictures: Sequence[Picture], haar: FaceDetector, other: FaceDetector, reader: Reader, table: Table
) -> None:
    print("## The same face, both detectors\n")
    for name, given in (("the photos themselves", pictures), (f"{COPIES} copies of each", copies(pictures))):
        found = pairs(given, haar, other)
        wanted = reader.read([(grey, face) for _, grey, face, _ in found])
        same, apart = agreement(wanted, reader.read([(grey, face) for _, grey, _, face in found]))
        print(f"- {name}: {len(found)} faces found by both, {same:.1%} get the same answer, "
              f"total variation distance {apart:.3f} on average")  # fmt: skip
    print("\nThe copies with other squares (side over the root of the box's area):\n")
    # Distances by setting: each photo's are then judged with the side that is best for all other photos.
    apart_by, rows = {}, []
    for size in SIDES:
        with patch.object(centerface, "SQUARE_SIDE", size):
            got = reader.read([(grey, _reframed(face)) for _, grey, _, face in found])
        same, apart = agreement(wanted, got)
        apart_by[size] = np.abs(wanted - got).sum(1) / 2
        rows.append([size, f"{same:.1%}", f"{apart:.4f}"])
    table(["side", "same answer", "distance"], rows)
    photo = np.array([name for name, *_ in found])
    kept_out = []
    for name in np.unique(photo):
        best = min(apart_by, key=lambda size: apart_by[size][photo != name].mean())
        kept_out += list(apart_by[best][photo == name])
    print(f"Each photo with the side that is best for all others: distance {np.mean(kept_out):.4f}.\n")


def _tilted(pictures: Sequence[Picture], detector: FaceDetector, reader: Reader, table: Table) -> None:
    print("## Tilted faces\n\nThe answer for a tilted face beside that for the same face upright.\n")
    base: dict[tuple[str, int], tuple[Grey, Detection]] = {}
    for picture in pictures:
        found = detector.detect(picture.grey, max_faces=100)
        for j, i in matched([face.box for face in found], picture.faces).items():
            base[picture.name, j] = (picture.grey, found[i])
    wanted = dict(zip(base, reader.read(list(base.values())), strict=True))
    rows = []
    for tilt in TILTS:
        turned, keys = [], []
        for picture in (tilted(each, sign * tilt) for sign in (1, -1) for each in pictures):
            found = detector.detect(picture.grey, max_faces=100)
            for j, i in matched([face.box for face in found], picture.faces).items():
                if (picture.name, j) in base:
                    keys.append((picture.name, j))
                    turned.append((picture.grey, found[i]))
        upright = np.stack([wanted[key] for key in keys])
        with patch.object(centerface, "UPRIGHT_DEGREES", 360.0):
            straight = [(grey, _reframed(face)) for grey, face in turned]
        for name, faces in (("straight", straight), ("upright", turned)):
            same, apart = agreement(upright, reader.read(faces))
            rows.append([f"{tilt}°", name, len(keys), f"{same:.1%}", f"{apart:.3f}"])
    table(["tilt", "crop", "faces found", "same answer", "distance"], rows)


def _reframed(face: Detection) -> Detection:
    """The same detection with the square that the constants of `centerface` now give; its box is taken as whole."""
    box = np.array([face.box.x, face.box.y, face.box.width, face.box.height], np.float64)
    return replace(face, haar_square=centerface.square(box), degrees=centerface.tilt(np.array(face.landmarks)))
