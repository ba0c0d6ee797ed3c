"""Damaged and made-up files: an answer or a problem that names them, and never memory on a claim."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service import files, images
from service.problems import Problem
from tests.fuzz.effort import tries
from tests.fuzz.promises import container_is_walked, frame_is_read, image_is_answered, video_is_answered
from tests.fuzz.seeds import damaged_files, videos
from tests.fuzz.seeds import images as image_files
from tests.service.conftest import ROOT

BEGINNINGS = (b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\x20\0\0\0WEBP", b"RIFF\x20\0\0\0WEBPVP8X\x0a\0\0\0")
FOUND = sorted((ROOT / "tests" / "fuzz" / "found").glob("*"))
ANY = st.builds(lambda beginning, rest: beginning + rest, st.sampled_from(BEGINNINGS), st.binary(max_size=300))


@tries(300)
@given(damaged_files(image_files()) | ANY)
def test_containers_are_walked(body: bytes) -> None:
    container_is_walked(body)


@tries(300)
@given(damaged_files(image_files()) | ANY)
def test_images_are_answered(body: bytes) -> None:
    image_is_answered(body)


@tries(25)
@given(damaged_files(videos()))
def test_videos_are_answered(body: bytes) -> None:
    video_is_answered(body)


@tries(100)
@given(st.binary(max_size=30) | st.binary(max_size=30).map(lambda rest: b"FER1" + rest))
def test_headers_of_frames_are_read(message: bytes) -> None:
    frame_is_read(message)


@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.name)
def test_what_was_found_is_answered(path: Path) -> None:
    container_is_walked(path.read_bytes())
    image_is_answered(path.read_bytes())


def test_undamaged_files_are_what_the_decoder_makes_of_them(media: Path) -> None:
    """The walkers take nothing away that is seen, and refuse no file that the decoder reads."""
    read = 0
    for path in sorted((*(media / "formats").iterdir(), *(media / "hostile").iterdir())):
        body = path.read_bytes()
        if not body or files.media_type(body) not in images.ACCEPTED or path.stat().st_size > 500_000:
            continue
        try:
            ours = images.decode(body, max_pixels=1_000_000).grey
        except Problem:
            continue
        theirs = cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_GRAYSCALE)
        np.testing.assert_array_equal(ours, theirs)
        read += 1
    assert read > 15
