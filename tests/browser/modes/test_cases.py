"""Videos on which the page was once wrong: read by the service and in the browser, played, sought and saved."""

import csv
import io
from pathlib import Path

import pytest

from tests.browser.acts import LOCAL, by_file, expect, saved
from tests.browser.chromium import ROOT, Visit
from tests.browser.videos import seek

CASES = ROOT.parent / "shared" / "media" / "cases"


@pytest.fixture(scope="module", autouse=True)
def cases() -> Path:
    if not CASES.is_dir():
        pytest.skip("needs the videos of ../shared/media/cases, which are not part of the project")
    return CASES


@pytest.mark.parametrize("local", [False, True])
@pytest.mark.parametrize(
    ("name", "length_s", "latest_s"),
    [
        ("mediarecorder_chrome.webm", 5.9, 5.5),
        ("matrix_mirrored.mp4", 2.0, 1.6),
        ("segment_starts_at_2s.mp4", 2.0, 1.6),
        # Chromium seeks no further than to the length that the file says, 4.92 s.
        ("vfr_bframes.mp4", 5.6, 4.5),
    ],
)
def test_a_video_is_read_whole_and_on_one_clock(
    visit: Visit, name: str, length_s: float, latest_s: float, *, local: bool
) -> None:
    page = visit()
    page.emulate_media(reduced_motion="reduce")
    if local:
        page.get_by_role("switch", name=LOCAL).click()
    by_file(page, CASES / name)
    expect(page.locator("#video-state")).to_contain_text(" read")
    rows = list(csv.DictReader(io.StringIO(saved(page, "readings (CSV)")[1].decode())))
    times = [float(row["time_s"]) for row in rows]
    assert times[0] == 0
    assert length_s - 0.5 < times[-1] <= length_s
    captions = saved(page, "captions (WebVTT)")[1].decode()
    assert "\n00:00:00.000 --> " in captions
    length = page.get_by_role("slider", name="Time in the video").evaluate("slider => Number(slider.max)")
    assert length == pytest.approx(length_s, abs=0.15)
    # Whatever place is gone to, the clock tells it, and the face of that place is shown.
    for place_s in (0.4, latest_s):
        seek(page, place_s)
        expect(page.locator("#emotion")).not_to_have_text("No face")
        expect(page.locator("#video-time")).to_contain_text(f"0:0{int(place_s)} / ")
