"""Flips one bit of a model file, many times: how many damaged files does the golden face find out?

    python -m benchmarks.damage [--model models/emotion.onnx] [--files 400] [--high]

A file does harm where a face of tests/data/astronaut.jpg gets a probability that differs by more than 0.05, or none.
`--high` flips the high bits of four-byte words alone, where weights have their exponents: that does harm more often.
"""

import argparse
import sys
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from service.classifier import EmotionClassifier, ModelError, Reading
from service.golden import Golden
from training.release import golden

ROOT = Path(__file__).parents[1]
HARM = 0.05


def real_faces(size_wh: tuple[int, int]) -> np.ndarray:
    """A portrait, its mirror image, and a part of it, uint8 (3, height, width, 1)."""
    portrait = cv2.imread(str(ROOT / "tests" / "data" / "astronaut.jpg"), cv2.IMREAD_GRAYSCALE)
    assert portrait is not None  # noqa: S101
    cuts = (portrait[55:175, 165:285], portrait[55:175, 165:285][:, ::-1], portrait[65:165, 175:275])
    return np.stack([cv2.resize(cut, size_wh) for cut in cuts])[..., None]


def flipped(content: bytes, random: np.random.Generator, *, high: bool) -> bytes:
    changed = bytearray(content)
    place = int(random.integers(len(changed) // 4)) * 4 + 3 if high else int(random.integers(len(changed)))
    changed[place] ^= 1 << int(random.integers(5, 8) if high else random.integers(8))
    return bytes(changed)


def outcome(content: bytes, path: Path, known: Golden, right: Reading, faces: np.ndarray) -> str:
    try:
        classifier = EmotionClassifier(path, content=content)
        found = classifier.golden(known.face, known.tolerance)
    except ModelError:
        return "refused: cannot be read, or its answers are no probabilities"
    is_found_out = known.difference(found.shares, found.maps) is not None
    try:
        gap = np.abs(classifier.classify(faces).probabilities - right.probabilities).max()
    except ModelError:
        gap = np.inf
    if gap <= HARM:
        return "harmless, and refused" if is_found_out else "harmless, and served"
    return "refused: other answers to the golden face" if is_found_out else "HARM, AND SERVED"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=ROOT / "models" / "emotion.onnx")
    parser.add_argument("--files", type=int, default=400)
    parser.add_argument("--high", action="store_true")
    arguments = parser.parse_args()
    content = arguments.model.read_bytes()
    classifier = EmotionClassifier(arguments.model, content=content)
    known = classifier.golden(golden.face(classifier.contract.size_wh), golden.TOLERANCE)
    faces = real_faces(classifier.contract.size_wh)
    right, random = classifier.classify(faces), np.random.default_rng(1)
    outcomes = Counter(
        outcome(flipped(content, random, high=arguments.high), arguments.model, known, right, faces)
        for _ in tqdm(range(arguments.files), unit="file")
    )
    for name, count in sorted(outcomes.items()):
        print(f"{count:5}  {name}")
    return 1 if "HARM, AND SERVED" in outcomes else 0


if __name__ == "__main__":
    sys.exit(main())
