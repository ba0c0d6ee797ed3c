"""Searching near expected boxes: which regions, when all are found again, and what both detectors then find."""

import cv2
import numpy as np
import pytest

from service import images
from service.detectors.base import Detection, Expected, FaceDetector, overlap
from service.detectors.centerface import CenterFaceDetector
from service.detectors.haar import HaarDetector
from service.detectors.near import MOST_REACH, REACH, all_found, reach_after, region
from service.images import Box, Grey


@pytest.fixture(params=["haar", "centerface"])
def detector(request: pytest.FixtureRequest) -> FaceDetector:
    if request.param == "haar":
        return HaarDetector()
    found: CenterFaceDetector = request.getfixturevalue("centerface_detector")
    return found


@pytest.fixture
def grey(photo: bytes) -> Grey:
    return images.decode(photo, max_pixels=25_000_000).grey


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        # half a side on every side
        (Box(100, 100, 40, 40), Box(80, 80, 80, 80)),
        # as wide as a square of the same area
        (Box(100, 100, 20, 80), Box(70, 100, 80, 80)),
        # cut off at the image's edges
        (Box(0, 0, 40, 40), Box(0, 0, 60, 60)),
        (Box(290, 190, 40, 40), Box(270, 170, 30, 30)),
        # outside
        (Box(-200, -200, 40, 40), Box(0, 0, 1, 1)),
        (Box(900, 900, 40, 40), Box(299, 199, 1, 1)),
    ],
)
def test_a_region_reaches_half_a_side_further_than_the_face(box: Box, expected: Box) -> None:
    assert region(box, 0.5, (300, 200)) == expected


def test_a_region_reaches_further_where_the_face_may_be_further_away() -> None:
    assert region(Box(100, 100, 40, 40), 1.5, (300, 200)) == Box(40, 40, 160, 160)


@pytest.mark.parametrize(
    ("elapsed_s", "reach"), [(0.0, 0.5), (1 / 30, 0.5), (0.1, 0.5), (0.2, 1.0), (0.3, 1.5), (10.0, 1.5)]
)
def test_a_face_may_have_gone_further_since_an_older_frame(elapsed_s: float, reach: float) -> None:
    assert reach_after(elapsed_s) == pytest.approx(reach)
    assert REACH <= reach <= MOST_REACH


def near_to(*boxes: Box, required: bool = True) -> list[Expected]:
    """As after the last of 30 frames a second."""
    return [Expected(box, REACH, required) for box in boxes]


HERE, THERE = Box(100, 100, 40, 40), Box(200, 100, 40, 40)


@pytest.mark.parametrize(
    ("expected", "found", "all_there"),
    [
        ([], [], False),
        ([], [HERE], False),
        ([HERE], [], False),
        ([HERE], [HERE], True),
        ([HERE], [HERE, THERE], True),
        ([HERE, THERE], [HERE], False),
        ([HERE, THERE], [THERE, HERE], True),
        # one face cannot be two
        ([HERE, HERE], [HERE], False),
        # moved by just under and by just over half a side
        ([HERE], [Box(119, 100, 40, 40)], True),
        ([HERE], [Box(121, 100, 40, 40)], False),
        # 1.25 and 1.35 times as large
        ([HERE], [Box(95, 95, 50, 50)], True),
        ([HERE], [Box(93, 93, 54, 54)], False),
    ],
)
def test_all_are_found_again(expected: list[Box], found: list[Box], all_there: bool) -> None:
    assert all_found(near_to(*expected), [Detection(box) for box in found]) is all_there


@pytest.mark.parametrize(("reach", "all_there"), [(1.0, False), (1.5, True)])
def test_a_face_is_found_again_within_its_reach(reach: float, all_there: bool) -> None:
    moved = Box(HERE.x + 50, HERE.y, HERE.width, HERE.height)
    assert all_found([Expected(HERE, reach)], [Detection(moved)]) is all_there


@pytest.mark.parametrize(("found", "all_there"), [([HERE], True), ([THERE], False), ([], False)])
def test_a_face_that_was_missing_before_may_be_missing_again(found: list[Box], all_there: bool) -> None:
    expected = [*near_to(HERE), *near_to(THERE, required=False)]
    assert all_found(expected, [Detection(box) for box in found]) is all_there
    assert not all_found(near_to(THERE, required=False), [Detection(THERE)])


@pytest.mark.parametrize("moved", [-30, 0, 30])
def test_a_face_is_found_near_where_it_is_expected(detector: FaceDetector, grey: Grey, moved: int) -> None:
    (face,) = detector.detect(grey, max_faces=10)
    box = face.square
    near = detector.detect_near(grey, near_to(Box(box.x + moved, box.y - moved, box.width, box.height)), max_faces=10)
    assert near is not None
    assert len(near) == 1
    assert overlap(near[0].box, face.box) > 0.85
    assert near[0].box.area == pytest.approx(face.box.area, rel=0.15)
    assert all_found(near_to(box), near)


@pytest.mark.parametrize(("reach", "is_found"), [(0.5, False), (1.5, True)])
def test_a_face_further_away_is_found_with_a_longer_reach(
    detector: FaceDetector, grey: Grey, reach: float, is_found: bool
) -> None:
    (face,) = detector.detect(grey, max_faces=10)
    box = face.square
    moved = Box(box.x + round(1.2 * box.width), box.y, box.width, box.height)
    assert bool(detector.detect_near(grey, [Expected(moved, reach)], max_faces=10)) is is_found


def test_a_face_elsewhere_is_not_found(detector: FaceDetector, grey: Grey) -> None:
    assert detector.detect_near(grey, near_to(Box(380, 380, 90, 90)), max_faces=10) == []


def test_neighbours_are_found_once_each(detector: FaceDetector, grey: Grey) -> None:
    scene = np.full((480, 960), 128, np.uint8)
    scene[20:220, 100:300] = scene[20:220, 300:500] = grey[20:220, 125:325]
    everywhere = detector.detect(scene, max_faces=10)
    near = detector.detect_near(scene, near_to(*(face.square for face in everywhere)), max_faces=10)
    assert near is not None
    assert len(near) == len(everywhere) == 2
    assert detector.detect_near(scene, near_to(*(face.square for face in everywhere)), max_faces=1) == near[:1]


def test_small_faces_are_left_out_near_as_everywhere(detector: FaceDetector, grey: Grey) -> None:
    (face,) = detector.detect(grey, max_faces=10)
    assert len(detector.detect_near(grey, near_to(face.square), max_faces=10, min_face_px=60) or []) == 1
    assert not detector.detect_near(grey, near_to(face.square), max_faces=10, min_face_px=200)


def test_where_the_whole_costs_no_more_nothing_is_searched(centerface_detector: CenterFaceDetector, grey: Grey) -> None:
    boxes = [Box(x, 150, 120, 120) for x in range(0, 480, 60)]
    assert centerface_detector.detect_near(grey, near_to(*boxes), max_faces=10) is None


@pytest.mark.parametrize("size_wh", [(1, 1), (4000, 2), (23, 23), (300, 300)])
def test_no_image_is_too_small(detector: FaceDetector, size_wh: tuple[int, int]) -> None:
    black = np.zeros(size_wh[::-1], np.uint8)
    for box in (Box(0, 0, 1, 1), Box(-50, 100, 200, 200)):
        assert not detector.detect_near(black, near_to(box), max_faces=10)


def test_a_large_face_near_and_everywhere(detector: FaceDetector, grey: Grey) -> None:
    large = np.asarray(cv2.resize(grey[:340, 60:400], (1000, 1000)), np.uint8)
    (face,) = detector.detect(large, max_faces=1)
    (near,) = detector.detect_near(large, near_to(face.square), max_faces=1) or detector.detect(large, max_faces=1)
    assert overlap(near.box, face.box) > 0.85
