"""Where no face was found: smaller faces are offered, in pictures, videos and live, by the service and the browser."""

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from tests.browser.acts import LOCAL, OPEN_CAMERA, Wire, by_file, expect, until
from tests.browser.chromium import Visit

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SMALLER = "Look for smaller faces"


@pytest.fixture(scope="module")
def small_face(photo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A face of 53 pixels in 1,000 x 1,000 pixels of grey: Haar looks for 63 by default."""
    portrait = cv2.imread(str(photo))
    assert portrait is not None
    small = cv2.resize(portrait[:256], None, fx=0.53, fy=0.53, interpolation=cv2.INTER_AREA)
    picture = np.full((1000, 1000, 3), 128, np.uint8)
    picture[300 : 300 + small.shape[0], 300 : 300 + small.shape[1]] = small
    path = tmp_path_factory.mktemp("small") / "small.png"
    cv2.imwrite(str(path), picture)
    return path


@pytest.fixture(scope="module")
def small_video(ffmpeg: None, small_face: Path) -> Path:
    path = small_face.with_suffix(".webm")
    source = ["-loop", "1", "-framerate", "10", "-t", "1", "-i", str(small_face)]
    encoding = ["-c:v", "libvpx", "-b:v", "4M", "-deadline", "realtime", "-cpu-used", "8", "-pix_fmt", "yuv420p"]
    subprocess.run(["ffmpeg", "-v", "error", "-y", *source, *encoding, str(path)], check=True)
    return path


def begin(visit: Visit, *, local: bool) -> "Page":
    page = visit()
    page.emulate_media(reduced_motion="reduce")
    if local:
        page.get_by_role("switch", name=LOCAL).click()
    return page


@pytest.mark.parametrize("local", [False, True])
def test_in_a_picture(visit: Visit, small_face: Path, *, local: bool) -> None:
    page = begin(visit, local=local)
    by_file(page, small_face)
    expect(page.get_by_text("No face of 63 pixels or more was found in this picture.")).to_be_visible()
    expect(page.locator("#note")).to_have_text("Faces that are small, tilted, covered or turned away are missed most.")
    page.get_by_role("button", name=SMALLER).press("Enter")
    expect(page.get_by_role("img", name="One face")).to_be_visible()
    expect(page.locator("#empty")).to_be_hidden()


@pytest.mark.parametrize("local", [False, True])
def test_in_a_video(visit: Visit, small_video: Path, *, local: bool) -> None:
    page = begin(visit, local=local)
    by_file(page, small_video)
    expect(page.get_by_text("pixels or more was found in this video.")).to_be_visible()
    expect(page.locator("#note")).to_have_text("No face was found at this time of the video.")
    page.get_by_role("button", name=SMALLER).press("Enter")
    expect(page.get_by_role("img", name="One face")).to_be_visible()
    expect(page.locator("#empty")).to_be_hidden()


def test_live(visit: Visit, two_cameras: "Browser") -> None:
    """Its cameras show no face: the service is asked for smaller ones."""
    page = visit(browser=two_cameras)
    wire = Wire(page)
    page.get_by_role("button", name=OPEN_CAMERA).click()
    expect(page.get_by_text("No face of 54 pixels or more was found before the camera.")).to_be_visible()
    page.get_by_role("button", name=SMALLER).press("Enter")
    until(page, lambda: wire.commands[-1:] == [{"type": "session.update", "min_face_px": 27}], "the smaller size")
    expect(page.get_by_text("No face of 27 pixels or more was found before the camera.")).to_be_visible()
