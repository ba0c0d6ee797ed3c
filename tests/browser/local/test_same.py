"""Run it in this browser: both detectors and the tracker give what the service gives, for photos and videos."""

import json
import subprocess
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from service import images
from tests.browser.acts import LOCAL, by_file, described, expect, saved
from tests.browser.chromium import ROOT, Server, Visit
from tests.browser.local.reading import png, predicted, read_here

if TYPE_CHECKING:
    from playwright.sync_api import Page

MEDIA = ROOT.parent / "shared" / "media"
# Of the same pixels all boxes are equal, and all shares but for a float's last digits. Every decoder of videos makes
# colours a little different: there a box may differ by two pixels, and a share by ALIKE.
SAME, ALIKE, ALIKE_PX = 1e-3, 0.08, 2
DETECTORS = ("haar", "centerface")


@pytest.fixture(scope="module", autouse=True)
def needed(server: Server) -> None:
    if len(described(server)["detectors"]) < 2:
        pytest.skip("needs the file of the detector CenterFace (make test installs it)")
    if not MEDIA.exists():
        pytest.skip("needs the photos of ../shared/media, which are not part of the project")


@pytest.fixture(scope="module")
def two_faces(ffmpeg: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second of two faces, which move to the left together."""
    path = tmp_path_factory.mktemp("video") / "two.mp4"
    source = ["-loop", "1", "-framerate", "25", "-t", "1", "-i", str(MEDIA / "photos" / "voc_two_laughing.jpg")]
    pan = ["-vf", "crop=iw-60:ih-20:t*50:0,scale=trunc(iw/2)*2:trunc(ih/2)*2", "-pix_fmt", "yuv420p", "-crf", "12"]
    subprocess.run(["ffmpeg", "-v", "error", "-y", *source, *pan, str(path)], check=True)
    return path


def same_faces(ours: list[dict[str, Any]], theirs: list[dict[str, Any]], *, box_px: int, share: float) -> None:
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        assert one["box"] == pytest.approx(other["box"], abs=box_px)
        assert one["emotions"] == pytest.approx(other["emotions"], abs=share)
        assert one["track_id"] == other["track_id"]
        assert one["detection"]["detector"] == other["detection"]["detector"]


def test_the_same_faces_and_probabilities_in_photos(reading_page: "Page", server: Server) -> None:
    found = 0
    for name in ("voc_group_7_seated", "voc_three_outdoor", "voc_two_laughing"):
        photo = MEDIA / "photos" / f"{name}.jpg"
        body = png(images.decode(photo.read_bytes(), max_pixels=10**8).grey)
        for detector in DETECTORS:
            there = predicted(server, body, f"detector={detector}&explain=gradcam")
            here = read_here(reading_page, body, {"detector": detector})
            same_faces(here["faces"], there["faces"], box_px=0, share=SAME)
            assert here["searched_from_px"] == there["searched_from_px"]
            for one, other in zip(here["faces"], there["faces"], strict=True):
                assert one["prediction_set"] == other["prediction_set"]
                [explanation] = other["explanations"]
                assert one["heatmaps"]["box"] == explanation["box"]
                assert one["heatmaps"]["degrees"] == pytest.approx(explanation["degrees"], abs=0.05)
                for key in ("weight", "confidence"):
                    assert one["detection"][key] == pytest.approx(other["detection"][key], abs=1e-3)
                if detector == "centerface":
                    nose, theirs = one["detection"]["landmarks"]["nose"], other["detection"]["landmarks"]["nose"]
                    assert nose == pytest.approx(theirs, abs=0.05)
            found += len(here["faces"])
    assert found > 18, "the photos have faces"


def lines_there(server: Server, video: Path, detector: str) -> list[dict[str, Any]]:
    url = f"{server.url()}/v1/predict/video?detector={detector}"
    request = urllib.request.Request(url, video.read_bytes())  # noqa: S310 (our own address)
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        return [json.loads(line) for line in answer]


def lines_here(page: "Page", video: Path, detector: str) -> list[dict[str, Any]]:
    page.get_by_label("Detector").select_option(detector)
    page.locator("#video-state").evaluate("state => { state.textContent = ''; }")  # what the video before left
    by_file(page, video)
    expect(page.locator("#video-state")).to_contain_text("read;")
    return [json.loads(line) for line in saved(page, "NDJSON")[1].decode().splitlines()]


def test_the_same_faces_and_tracks_in_a_video(visit: Visit, server: Server, two_faces: Path) -> None:
    page = visit()
    page.emulate_media(reduced_motion="reduce")
    page.get_by_role("switch", name=LOCAL).click()
    for detector in DETECTORS:
        the_same_in_a_video(page, server, two_faces, detector)
        page.get_by_role("button", name="Back").click()


@pytest.mark.parametrize(
    "name",
    [
        "cases/vfr_bframes.mp4",  # a still picture at its end
        "videos/neutral_to_smile.mp4",  # sound that is longer than the picture
        "cases/mediarecorder_chrome.webm",  # no length, and no frame at a fifth of a second
    ],
)
def test_the_same_frames_of_a_video(visit: Visit, server: Server, name: str) -> None:
    page = visit()
    page.emulate_media(reduced_motion="reduce")
    page.get_by_role("switch", name=LOCAL).click()
    *theirs, _ = lines_there(server, MEDIA / name, "haar")
    *ours, summary = lines_here(page, MEDIA / name, "haar")
    assert [line["time_s"] for line in ours] == pytest.approx([line["time_s"] for line in theirs], abs=1e-3)
    assert [line["index"] for line in ours] == [line["index"] for line in theirs]
    for one, other in zip(ours, theirs, strict=True):
        # A faint second "face" may be there for one decoder and not for the other.
        here, there = (max(line["faces"], key=_weight) for line in (one, other))
        assert here["box"] == pytest.approx(there["box"], abs=2 * ALIKE_PX)
        assert here["emotions"] == pytest.approx(there["emotions"], abs=ALIKE)
    assert summary["duration_s"] >= ours[-1]["time_s"]


def _weight(face: dict[str, Any]) -> float:
    return float(face["detection"]["weight"])


def the_same_in_a_video(page: "Page", server: Server, two_faces: Path, detector: str) -> None:
    *theirs, there = lines_there(server, two_faces, detector)
    *ours, here = lines_here(page, two_faces, detector)
    assert [line["time_s"] for line in ours] == pytest.approx([line["time_s"] for line in theirs], abs=1e-3)
    for one, other in zip(ours, theirs, strict=True):
        same_faces(one["faces"], other["faces"], box_px=ALIKE_PX, share=ALIKE)
        assert one["searched_from_px"] == other["searched_from_px"]
    assert [track["track_id"] for track in here["tracks"]] == [track["track_id"] for track in there["tracks"]] == [1, 2]
    for one, other in zip(here["tracks"], there["tracks"], strict=True):
        assert one["mean"] == pytest.approx(other["mean"], abs=ALIKE)
        assert (one["dominant"], one["from_s"]) == (other["dominant"], other["from_s"])
    expect(page.locator("#caption")).to_contain_text("face 2: ")
