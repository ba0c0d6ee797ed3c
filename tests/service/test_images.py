"""Pixels: what is taken, what is refused, and where a crop comes from."""

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from service import files, images
from service.images import Box
from service.problems import ImageTooManyPixels, Problem, UndecodableImage, UnsupportedMediaType
from tests.service.conftest import ROOT

MAX_PIXELS = 25_000_000
RAMP = np.tile(np.arange(0, 200, 2, dtype=np.uint8), (60, 1))  # 100 wide, 60 high


def png(pixels: np.ndarray) -> bytes:
    return cv2.imencode(".png", pixels)[1].tobytes()


def opened(body: bytes) -> np.ndarray:
    pixels = cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_UNCHANGED)
    assert pixels is not None
    return pixels


def test_decode_gives_grey_pixels_as_they_are() -> None:
    image = images.decode(png(RAMP), max_pixels=MAX_PIXELS)
    assert image.size_wh == (100, 60)
    assert image.box == Box(0, 0, 100, 60)
    np.testing.assert_array_equal(image.grey, RAMP)


def test_decode_counts_pixels_before_it_decodes() -> None:
    images.decode(png(RAMP), max_pixels=6000)
    with pytest.raises(ImageTooManyPixels) as caught:
        images.decode(png(RAMP), max_pixels=5999)
    assert caught.value.limit == 5999
    assert "100 x 60" in caught.value.detail


def test_decode_names_a_damaged_file(photo: bytes) -> None:
    with pytest.raises(UndecodableImage):
        images.decode(photo[: len(photo) // 2], max_pixels=MAX_PIXELS)
    with pytest.raises(UndecodableImage):
        images.decode(b"\xff\xd8\xff" + bytes(100), max_pixels=MAX_PIXELS)


@pytest.mark.skipif(sys.platform != "linux", reason="reads its own size where Linux tells it")
def test_decode_without_memory_blames_no_file() -> None:
    """In a process that gets no more memory than it has."""
    code = """
import resource
import cv2
import numpy as np
from service import images
body = cv2.imencode(".png", np.zeros((8000, 8000), np.uint8))[1].tobytes()
has = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (has, has))
try:
    images.decode(body, max_pixels=10**8)
except MemoryError:
    print("no memory")
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout == "no memory\n", done.stderr


def test_decode_names_the_kind_that_it_refuses() -> None:
    with pytest.raises(UnsupportedMediaType, match="This is GIF"):
        images.decode(b"GIF89a" + bytes(20), max_pixels=MAX_PIXELS)


@pytest.mark.parametrize("orientation", [1, 3, 5, 6, 8])
def test_exif_orientation_is_applied(media: Path, orientation: int) -> None:
    body = (media / "formats" / f"exif_orientation_{orientation}.jpg").read_bytes()
    upright = (media / "formats" / "exif_orientation_1.jpg").read_bytes()
    turned, expected = (images.decode(each, max_pixels=MAX_PIXELS) for each in (body, upright))
    assert turned.size_wh == (400, 512)
    assert np.abs(turned.grey.astype(int) - expected.grey).mean() < 3


def test_every_accepted_format_decodes(media: Path) -> None:
    accepted = [
        path for path in sorted((media / "formats").iterdir()) if files.media_type(path.read_bytes()) in images.ACCEPTED
    ]
    assert len(accepted) >= 15
    for path in accepted:
        assert images.decode(path.read_bytes(), max_pixels=MAX_PIXELS).grey.dtype == np.uint8, path.name


def test_every_hostile_file_meets_its_problem(media: Path) -> None:
    expected = json.loads((media / "annotations.json").read_text())["hostile"]
    for name, row in expected.items():
        body = (media / "hostile" / name).read_bytes()
        try:
            images.decode(body, max_pixels=MAX_PIXELS)
            outcome = "accept"
        except ImageTooManyPixels:
            outcome = "pixels"
        except Problem:
            outcome = "refuse"
        allowed = {
            "accept": {"accept"},
            "refuse": {"refuse"},
            "refuse as a file": {"refuse"},
            "refuse: pixels": {"pixels"},
            "limit": {"pixels"},
            "refuse or partial": {"refuse", "accept"},
            "truncated": {"refuse", "accept"},
        }[row["expect"]]
        assert outcome in allowed, f"{name}: {outcome}, wanted {row['expect']}"


@pytest.mark.parametrize(
    ("box", "margin", "square"),
    [
        (Box(10, 20, 30, 30), 0.0, (10, 20, 30)),
        (Box(10, 20, 30, 30), 0.1, (7, 17, 36)),
        (Box(10, 20, 30, 10), 0.0, (10, 10, 30)),
        (Box(0, 0, 1, 1), 0.0, (0, 0, 1)),
    ],
)
def test_a_crop_is_a_square_around_the_box(box: Box, margin: float, square: tuple[int, int, int]) -> None:
    assert images.framed(box, margin) == square


def test_cut_inside_the_image_is_a_plain_slice() -> None:
    np.testing.assert_array_equal(images.cut(RAMP, Box(5, 6, 20, 20), 0.0), RAMP[6:26, 5:25])


def test_cut_over_the_edge_repeats_the_edge() -> None:
    left = images.cut(RAMP, Box(-10, 0, 20, 20), 0.0)
    assert left.shape == (20, 20)
    assert (left[:, :10] == RAMP[0, 0]).all()
    right = images.cut(RAMP, Box(90, 50, 20, 20), 0.0)
    assert right.shape == (20, 20)
    assert (right[:, 10:] == RAMP[0, -1]).all()


def test_crop_has_the_wanted_size_and_averages() -> None:
    checks = np.indices((64, 64)).sum(0) % 2 * 200
    face = images.crop(checks.astype(np.uint8), Box(0, 0, 64, 64), (8, 8), 0.0)
    assert face.shape == (8, 8)
    np.testing.assert_array_equal(face, 100)


def test_brightness_and_sharpness() -> None:
    flat = np.full((8, 8), 51, np.uint8)
    assert images.brightness(flat) == pytest.approx(0.2)
    assert images.sharpness(flat) == 0
    assert images.sharpness(RAMP) < images.sharpness((np.indices((8, 8)).sum(0) % 2 * 255).astype(np.uint8))


def test_a_map_is_scaled_to_its_own_peak() -> None:
    heatmap = np.array([[0, 0], [0, 0.5]], np.float32)
    grey = opened(images.encode_map(heatmap, (8, 6)))
    assert grey.shape == (6, 8)
    assert grey.dtype == np.uint8
    assert grey[0, 0] == 0
    assert grey[-1, -1] == 255


def test_a_map_of_nothing_is_black() -> None:
    assert not opened(images.encode_map(np.zeros((2, 2), np.float32), (4, 4))).any()


def test_an_overlay_colours_only_where_it_is_hot() -> None:
    face = np.full((20, 20), 120, np.uint8)
    heatmap = np.array([[0, 0], [0, 1]], np.float32)
    picture = opened(images.encode_overlay(face, heatmap))
    assert picture.shape == (images.OVERLAY_SIDE, images.OVERLAY_SIDE, 3)
    cold, hot = picture[10, 10].astype(int), picture[-10, -10].astype(int)
    assert np.ptp(cold) < 12
    assert np.ptp(hot) > 40


@pytest.mark.parametrize(
    ("size_wh", "small_wh", "steps"),
    [
        # by blocks of 4 pixels and then by 3.125
        ((2000, 1500), (160, 120), 2),
        # whole pixels alone, a size that nothing divides, and less than 6 times: in one step
        ((1600, 1200), (160, 120), 1),
        ((1999, 1499), (160, 120), 1),
        ((800, 600), (160, 110), 1),
    ],
)
def test_a_large_image_shrinks_in_two_steps_to_nearly_the_same(
    size_wh: tuple[int, int], small_wh: tuple[int, int], steps: int, photo: bytes
) -> None:
    grey = images.resize(images.decode(photo, max_pixels=MAX_PIXELS).grey, size_wh)
    in_one_step = images.resize(grey, small_wh).astype(int)
    off = np.abs(images.shrink(grey, small_wh) - in_one_step)
    assert off.mean() < 1
    assert off.any() == (steps == 2)
