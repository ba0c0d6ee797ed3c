"""The detector finds faces where they are, on any thread."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from service import images
from service.faces import FaceDetector
from service.images import Box


@pytest.fixture(scope="module")
def detector() -> FaceDetector:
    return FaceDetector()


def grey(body: bytes) -> images.Grey:
    return images.decode(body, max_pixels=25_000_000).grey


def overlap(a: Box, b: Box) -> float:
    """Intersection over union."""
    across = min(a.x + a.width, b.x + b.width) - max(a.x, b.x)
    down = min(a.y + a.height, b.y + b.height) - max(a.y, b.y)
    shared = max(across, 0) * max(down, 0)
    return shared / (a.width * a.height + b.width * b.height - shared)


@pytest.mark.parametrize("size_wh", [(1, 1), (4000, 2), (2, 4000), (23, 23), (24, 24), (300, 300)])
def test_no_face_is_an_empty_list(detector: FaceDetector, size_wh: tuple[int, int]) -> None:
    assert detector.detect(np.zeros(size_wh[::-1], np.uint8), max_faces=10) == []


def test_a_face_is_found_with_its_weight(detector: FaceDetector, photo: bytes) -> None:
    (face,) = detector.detect(grey(photo), max_faces=10)
    assert overlap(face.box, Box(175, 65, 100, 100)) > 0.7
    assert face.weight > 0


def test_min_face_px_leaves_smaller_ones_out(detector: FaceDetector, photo: bytes) -> None:
    assert len(detector.detect(grey(photo), max_faces=10, min_face_px=60)) == 1
    assert detector.detect(grey(photo), max_faces=10, min_face_px=200) == []


def test_largest_first_and_no_more_than_asked_for(detector: FaceDetector, photo: bytes) -> None:
    face = grey(photo)[40:200, 150:310]
    canvas = np.full((400, 500), 128, np.uint8)
    canvas[:320, :320] = np.kron(face, np.ones((2, 2), np.uint8))
    canvas[40:200, 330:490] = face
    both = detector.detect(canvas, max_faces=10)
    assert len(both) == 2
    assert both[0].box.width > 1.5 * both[1].box.width
    assert detector.detect(canvas, max_faces=1) == both[:1]


def test_boxes_stay_inside_the_image(detector: FaceDetector, photo: bytes) -> None:
    whole = grey(photo)
    tight = whole[66:166, 176:276]
    for face in detector.detect(tight, max_faces=10) + detector.detect(whole, max_faces=10):
        assert face.box.x >= 0
        assert face.box.y >= 0
        assert face.box.x + face.box.width <= whole.shape[1]
        assert face.box.y + face.box.height <= whole.shape[0]


def test_threads_agree(detector: FaceDetector, photo: bytes) -> None:
    image = grey(photo)
    expected = detector.detect(image, max_faces=10)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: detector.detect(image, max_faces=10), range(24)):
            assert found == expected


def test_real_photos(detector: FaceDetector, media: Path) -> None:
    """On the annotated photos at least 28 of 34 faces are found and at most one is invented."""
    annotations = json.loads((media / "annotations.json").read_text())["images"]
    found = invented = wanted = 0
    for name, row in annotations.items():
        if not name.startswith("photos/"):
            continue
        boxes = [face.box for face in detector.detect(grey((media / name).read_bytes()), max_faces=50)]
        truths = [Box(face["x"], face["y"], face["w"], face["h"]) for face in row["faces"]]
        hits = sum(any(overlap(box, truth) > 0.35 for box in boxes) for truth in truths)
        found, wanted, invented = found + hits, wanted + len(truths), invented + max(0, len(boxes) - hits)
    assert wanted == 34
    assert found >= 28
    assert invented <= 1
