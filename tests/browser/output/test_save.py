"""What the menu saves: the view, readings, videos, and the last 30 seconds."""

import csv
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

from tests.browser.acts import (
    by_file,
    expect,
    go_live,
    saved,
)
from tests.browser.chromium import Visit
from tests.browser.videos import FPS, a_video, fake

if TYPE_CHECKING:
    from playwright.sync_api import Route


def test_the_view_is_saved_as_it_is(visit: Visit) -> None:
    page = visit()
    go_live(page)
    name, content = saved(page, "Picture of the view")
    assert name == "view.png"
    picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    assert picture is not None
    # The camera's shape, without the empty space beside it.
    assert picture.shape[1] / picture.shape[0] == pytest.approx(4 / 3, abs=0.02)
    assert picture[..., 3].min() == 255


def test_the_answer_can_be_seen_copied_and_saved(visit: Visit, photo: Path) -> None:
    page = visit()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    answers: list[dict[str, Any]] = []

    def keep(route: "Route") -> None:
        response = route.fetch()
        answers.append(response.json())
        route.fulfill(response=response)

    page.route("**/v1/predict*", keep)
    by_file(page, photo)
    expect(page.locator("#emotion")).to_have_text("happy")
    [answer] = answers
    page.get_by_text("What came back, as JSON").click()
    expect(page.locator("#raw-text")).to_contain_text(answer["request_id"])
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert json.loads(page.evaluate("navigator.clipboard.readText()")) == answer
    assert json.loads(saved(page, "This reading (JSON)")[1]) == answer
    [row] = csv.DictReader(io.StringIO(saved(page, "This reading (CSV)")[1].decode()))
    [face] = answer["faces"]
    assert (int(row["x"]), int(row["width"])) == (face["box"]["x"], face["box"]["width"])
    assert float(row["happy"]) == pytest.approx(face["emotions"]["happy"], abs=1e-6)


def test_a_video_can_be_saved(visit: Visit, video: Path) -> None:
    page = visit()
    fake(page, video)
    expect(page.locator("#video-state")).to_contain_text("read")
    assert json.loads(saved(page, "readings (JSON)")[1]) == [json.loads(line) for line in a_video().splitlines()]
    rows = list(csv.DictReader(io.StringIO(saved(page, "readings (CSV)")[1].decode())))
    assert [row["emotion"] for row in rows] == ["neutral"] * FPS + ["happy"] * FPS
    name, captions = saved(page, "captions (WebVTT)")
    assert name == "video.vtt"
    first, second = captions.decode().split("\n\n")[1:]
    assert first == "00:00:00.000 --> 00:00:01.000\nface 1: neutral"
    assert second.startswith("00:00:01.000 --> 00:00:02.")
    assert second.strip().endswith("face 1: happy")
