"""CenterFace: what its maps say, computed by hand, and what it finds."""

import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.scenes import Picture, matched, overlap, photos, tilted
from service import images
from service.detectors import centerface
from service.detectors.centerface import CenterFaceDetector, decode, network_input, square, tilt
from service.images import Box

Maps = tuple[NDArray[np.float32], ...]


def maps(*cells: tuple[int, int, float, float]) -> Maps:
    """Maps of 8 x 20 cells with a face in each of these: row, column, heat, and its width and height in cells."""
    heat, log_size, offset, landmarks = (np.zeros((1, channels, 8, 20), np.float32) for channels in (1, 2, 2, 10))
    for row, column, sure, side in cells:
        heat[0, 0, row, column] = sure
        log_size[0, :, row, column] = math.log(side)
    return heat, log_size, offset, landmarks


@pytest.fixture
def grey(photo: bytes) -> images.Grey:
    return images.decode(photo, max_pixels=25_000_000).grey


def test_a_face_of_the_maps_by_hand() -> None:
    heat, log_size, offset, landmarks = maps((1, 2, 0.75, 1))
    # 3 cells high and 2 wide, a quarter of a cell lower and half a cell further left; a cell is 4 pixels.
    log_size[0, :, 1, 2] = math.log(3), math.log(2)
    offset[0, :, 1, 2] = 0.25, -0.5
    landmarks[0, :, 1, 2] = [0.5, 0.25, 0.5, 0.75, 0.75, 0.5, 1, 0.25, 1, 0.75]
    boxes, scores, points = decode(heat, log_size, offset, landmarks)
    # The centre is at x = (2 - 0.5 + 0.5) * 4 = 8, y = (1 + 0.25 + 0.5) * 4 = 7.
    np.testing.assert_allclose(boxes, [[4, 1, 8, 12]], rtol=1e-6)
    assert scores == pytest.approx([0.75])
    np.testing.assert_allclose(points, [[[6, 7], [10, 7], [8, 10], [6, 13], [10, 13]]], rtol=1e-6)


@pytest.mark.parametrize(("sure", "faces"), [(0.0, 0), (0.39, 0), (0.41, 1), (1.0, 1)])
def test_a_face_is_surer_than_the_threshold(sure: float, faces: int) -> None:
    assert len(decode(*maps((3, 3, sure, 2)))[0]) == faces


# Boxes of 10 cells that lie n columns apart share (10 - n) / (10 + n) of their union.
@pytest.mark.parametrize(
    ("cells", "kept"),
    [
        ([], []),
        ([(4, 4, 0.9, 10), (4, 5, 0.8, 10)], [0.9]),
        ([(4, 4, 0.8, 10), (4, 5, 0.9, 10)], [0.9]),
        ([(4, 4, 0.9, 10), (4, 9, 0.8, 10)], [0.9]),
        ([(4, 4, 0.9, 10), (4, 10, 0.8, 10)], [0.9, 0.8]),
        # The second one is left out, and does not leave out the third.
        ([(4, 0, 0.9, 10), (4, 5, 0.8, 10), (4, 10, 0.7, 10)], [0.9, 0.7]),
        # The fifth part of the large one: less than the threshold, both stay here.
        ([(4, 8, 0.9, 10), (4, 9, 0.8, 4)], [0.9, 0.8]),
    ],
)
def test_of_boxes_that_overlap_the_surest_is_kept(
    cells: list[tuple[int, int, float, float]], kept: list[float]
) -> None:
    assert decode(*maps(*cells))[1].tolist() == pytest.approx(kept)


def test_sizes_beyond_all_measure_are_no_error() -> None:
    heat, log_size, offset, landmarks = maps((3, 3, 0.9, 2))
    log_size[:] = 1000
    assert np.isfinite(decode(heat, log_size, offset, landmarks)[0]).all()


def test_a_picture_made_to_look_like_faces_everywhere_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    everywhere = [(row, column, 0.5 + (20 * row + column) / 1000, 1) for row in range(8) for column in range(20)]
    assert len(decode(*maps(*everywhere))[0]) == 160
    monkeypatch.setattr(centerface, "MAX_CANDIDATES", 3)
    assert decode(*maps(*everywhere))[1].tolist() == pytest.approx([0.659, 0.658, 0.657])


@pytest.mark.parametrize(
    ("size_wh", "scale", "shape", "small_wh"),
    [
        ((640, 480), 0.5, (256, 320), (320, 240)),
        ((32, 32), 1.0, (32, 32), (32, 32)),
        ((33, 32), 1.0, (32, 64), (33, 32)),
        # Never enlarged.
        ((100, 50), 3.0, (64, 128), (100, 50)),
        ((4000, 2), 0.08, (32, 320), (320, 1)),
    ],
)
def test_the_networks_input(
    size_wh: tuple[int, int], scale: float, shape: tuple[int, int], small_wh: tuple[int, int]
) -> None:
    pixels, scale_xy = network_input(np.full(size_wh[::-1], 200, np.uint8), scale)
    assert pixels.shape == (1, 1, *shape)
    assert scale_xy == (small_wh[0] / size_wh[0], small_wh[1] / size_wh[1])
    assert (pixels[0, 0, : small_wh[1], : small_wh[0]] == 200).all()
    assert pixels.sum() == 200 * small_wh[0] * small_wh[1]


def test_the_square_by_hand() -> None:
    # The root of 30 * 40 is 34.64, and 1.12 times that 38.80; the centre is 25, 40.
    assert square(np.array([10.0, 20.0, 30.0, 40.0])) == Box(6, 21, 39, 39)


@pytest.mark.parametrize(("right_eye", "degrees"), [((10, 0), 0), ((10, 1), 0), ((10, 10), 45), ((10, -10), -45)])
def test_tilt_by_hand(right_eye: tuple[int, int], degrees: float) -> None:
    assert tilt(np.array([(0, 0), right_eye, (5, 5), (0, 9), (9, 9)], np.float64)) == pytest.approx(degrees)


@pytest.mark.parametrize("size_wh", [(1, 1), (4000, 2), (2, 4000), (24, 24), (300, 300)])
def test_no_face_is_an_empty_list(centerface_detector: CenterFaceDetector, size_wh: tuple[int, int]) -> None:
    assert centerface_detector.detect(np.zeros(size_wh[::-1], np.uint8), max_faces=10) == []


def test_a_face_is_found_with_its_landmarks(centerface_detector: CenterFaceDetector, grey: images.Grey) -> None:
    (face,) = centerface_detector.detect(grey, max_faces=10)
    assert overlap(face.square, Box(175, 65, 100, 100)) > 0.7
    assert face.confidence is not None
    assert 0.8 < face.confidence <= 1
    assert face.weight is None
    assert face.degrees == 0
    assert face.landmarks is not None
    for point, place in zip(face.landmarks, [(207, 103), (247, 104), (226, 122), (208, 143), (241, 145)], strict=True):
        assert point == pytest.approx(place, abs=6)


@pytest.mark.parametrize("degrees", [-30, 20])
def test_a_tilted_face_is_cropped_upright(
    centerface_detector: CenterFaceDetector, grey: images.Grey, degrees: int
) -> None:
    (upright,) = centerface_detector.detect(grey, max_faces=1)
    turned = tilted(Picture("", grey, ()), degrees).grey
    (face,) = centerface_detector.detect(turned, max_faces=1)
    # The head itself leans by 5 degrees.
    assert face.degrees == pytest.approx(degrees + 5, abs=6)
    wanted = images.crop(grey, upright.square, (48, 48), 0).ravel()
    alike = [
        np.corrcoef(wanted, images.crop(turned, face.square, (48, 48), 0, angle).ravel())[0, 1]
        for angle in (face.degrees, 0, -face.degrees)
    ]
    assert alike[0] > 0.65
    assert alike[0] > alike[1] + 0.3
    assert alike[1] > alike[2] + 0.2


def test_min_face_px_leaves_smaller_ones_out(centerface_detector: CenterFaceDetector, grey: images.Grey) -> None:
    assert len(centerface_detector.detect(grey, max_faces=10, min_face_px=90)) == 1
    assert centerface_detector.detect(grey, max_faces=10, min_face_px=150) == []


def test_min_face_px_finds_smaller_ones(centerface_detector: CenterFaceDetector, grey: images.Grey) -> None:
    scene = np.full((1500, 2000), 127, np.uint8)
    scene[700:956, 900:1156] = cv2.resize(grey, (256, 256), interpolation=cv2.INTER_AREA)
    # The face is 50 pixels wide, a fortieth of the longer side.
    assert centerface_detector.detect(scene, max_faces=10) == []
    (face,) = centerface_detector.detect(scene, max_faces=10, min_face_px=42)
    assert overlap(face.square, Box(900 + 87, 700 + 32, 50, 50)) > 0.6


def test_boxes_stay_inside_the_image_and_squares_do_not(
    centerface_detector: CenterFaceDetector, grey: images.Grey
) -> None:
    cut = grey[80:300, 195:400]
    (face,) = centerface_detector.detect(cut, max_faces=1)
    assert (face.box.x, face.box.y) == (0, 0)
    assert face.square.x < 0
    assert face.square.y < 0


def test_threads_agree(centerface_detector: CenterFaceDetector, grey: images.Grey) -> None:
    alone = centerface_detector.detect(grey, max_faces=10)
    with ThreadPoolExecutor(4) as threads:
        for found in threads.map(lambda _: centerface_detector.detect(grey, max_faces=10), range(8)):
            assert found == alone


def test_every_face_of_real_photos_and_none_besides(centerface_detector: CenterFaceDetector, media: Path) -> None:
    wanted = found = false = 0
    for picture in photos(media):
        boxes = [face.box for face in centerface_detector.detect(picture.grey, max_faces=50)]
        hits = matched(boxes, picture.faces)
        wanted, found, false = wanted + len(picture.faces), found + len(hits), false + len(boxes) - len(hits)
    assert (wanted, found, false) == (34, 34, 0)
