"""The detector finds faces where they are, on any thread."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import service.detectors.base
from service import images
from service.detectors.base import MERGE_OVERLAP, Detection, merged
from service.detectors.haar import WINDOW_PX, HaarDetector
from service.images import Box


@pytest.fixture(scope="module")
def detector() -> HaarDetector:
    return HaarDetector()


def grey(body: bytes) -> images.Grey:
    return images.decode(body, max_pixels=25_000_000).grey


def overlap(a: Box, b: Box) -> float:
    """Intersection over union."""
    across = min(a.x + a.width, b.x + b.width) - max(a.x, b.x)
    down = min(a.y + a.height, b.y + b.height) - max(a.y, b.y)
    shared = max(across, 0) * max(down, 0)
    return shared / (a.width * a.height + b.width * b.height - shared)


@pytest.mark.parametrize("size_wh", [(1, 1), (4000, 2), (2, 4000), (23, 23), (24, 24), (300, 300)])
def test_no_face_is_an_empty_list(detector: HaarDetector, size_wh: tuple[int, int]) -> None:
    assert detector.detect(np.zeros(size_wh[::-1], np.uint8), max_faces=10) == []


def test_a_face_is_found_with_its_weight(detector: HaarDetector, photo: bytes) -> None:
    (face,) = detector.detect(grey(photo), max_faces=10)
    assert overlap(face.box, Box(175, 65, 100, 100)) > 0.7
    assert face.weight is not None
    assert face.weight > 0
    assert face.confidence is None


def test_a_large_search_gives_its_memory_back_and_changes_no_answer(photo: bytes) -> None:
    detector = HaarDetector()
    before = detector.detect(grey(photo), max_faces=10)
    assert hasattr(detector._local, "cascade")
    assert detector.detect(np.zeros((1000, 1000), np.uint8), max_faces=10, min_face_px=WINDOW_PX) == []
    assert not hasattr(detector._local, "cascade")
    assert detector.detect(grey(photo), max_faces=10) == before


def test_min_face_px_leaves_smaller_ones_out(detector: HaarDetector, photo: bytes) -> None:
    assert len(detector.detect(grey(photo), max_faces=10, min_face_px=60)) == 1
    assert detector.detect(grey(photo), max_faces=10, min_face_px=200) == []


def test_largest_first_and_no_more_than_asked_for(detector: HaarDetector, photo: bytes) -> None:
    face = grey(photo)[40:200, 150:310]
    canvas = np.full((400, 500), 128, np.uint8)
    canvas[:320, :320] = np.kron(face, np.ones((2, 2), np.uint8))
    canvas[40:200, 330:490] = face
    both = detector.detect(canvas, max_faces=10)
    assert len(both) == 2
    assert both[0].box.width > 1.5 * both[1].box.width
    assert detector.detect(canvas, max_faces=1) == both[:1]


def test_boxes_stay_inside_the_image(detector: HaarDetector, photo: bytes) -> None:
    whole = grey(photo)
    tight = whole[66:166, 176:276]
    for face in detector.detect(tight, max_faces=10) + detector.detect(whole, max_faces=10):
        assert face.box.x >= 0
        assert face.box.y >= 0
        assert face.box.x + face.box.width <= whole.shape[1]
        assert face.box.y + face.box.height <= whole.shape[0]


@pytest.mark.parametrize(
    ("boxes", "kept"),
    [
        ([], []),
        ([(0, 0, 100, 9.0)], [0]),
        # found twice, the larger one surer, then the smaller one
        ([(0, 0, 100, 9.0), (10, 10, 80, 8.0)], [0]),
        ([(0, 0, 100, 8.0), (10, 10, 80, 9.0)], [1]),
        # the whole of a small one inside a large one: 0.09 over the union
        ([(0, 0, 100, 5.0), (30, 60, 30, 1.0)], [0]),
        # neighbours touch, and overlap as much as they do in photos of groups
        ([(0, 0, 100, 9.0), (100, 0, 100, 8.0)], [0, 1]),
        ([(0, 0, 100, 9.0), (83, 0, 100, 8.0)], [0, 1]),
        # just below the bound and on it
        ([(0, 0, 100, 9.0), (56, 0, 100, 8.0)], [0, 1]),
        ([(0, 0, 100, 9.0), (55, 0, 100, 8.0)], [0]),
        # what is left out takes nothing with it
        ([(0, 0, 100, 9.0), (50, 0, 100, 8.0), (100, 0, 100, 7.0)], [0, 2]),
        # equally sure: the larger one
        ([(10, 10, 80, 5.0), (0, 0, 100, 5.0)], [1]),
    ],
)
def test_one_person_is_one_face(boxes: list[tuple[int, int, int, float]], kept: list[int]) -> None:
    assert MERGE_OVERLAP == 0.45
    found = [Detection(Box(x, y, side, side), weight) for x, y, side, weight in boxes]
    assert sorted(map(found.index, merged(found))) == kept


def test_a_face_on_a_face_is_the_surer_one(
    detector: HaarDetector, photo: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cascade alone finds both, as it sometimes finds a face and a part of it."""
    portrait = grey(photo)
    scene = np.full((420, 400), 128, np.uint8)
    scene[20:400, 20:360] = np.kron(portrait[20:210, 140:310], np.ones((2, 2), np.uint8))
    scene[160:226, 100:160] = images.resize(portrait[60:170, 175:275], (60, 66))
    found = detector.detect(scene, max_faces=10)
    monkeypatch.setattr(service.detectors.base, "MERGE_OVERLAP", 2.0)
    large, small = detector.detect(scene, max_faces=10)
    assert large.box.width > 150
    assert small.box.width < 80
    assert found == [max(large, small, key=lambda face: face.weight or 0)]


def test_threads_agree(detector: HaarDetector, photo: bytes) -> None:
    image = grey(photo)
    expected = detector.detect(image, max_faces=10)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: detector.detect(image, max_faces=10), range(12)):
            assert found == expected


def test_real_photos(detector: HaarDetector, media: Path) -> None:
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
