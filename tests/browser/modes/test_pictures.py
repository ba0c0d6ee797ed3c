"""Several pictures at once: a grid, each by itself and back, all of them saved, in the browser as well."""

import csv
import io
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.acts import LOCAL, alert, expect, saved
from tests.browser.chromium import ROOT, Visit

if TYPE_CHECKING:
    from playwright.sync_api import Page


def give(page: "Page", photo: Path, *others: dict[str, Any]) -> None:
    files: list[Any] = [{"name": "smile, one.jpg", "mimeType": "image/jpeg", "buffer": photo.read_bytes()}, *others]
    page.locator("#file").set_input_files(files)


TEXT = {"name": "text.jpg", "mimeType": "image/jpeg", "buffer": b"this is no picture"}


def blank() -> dict[str, Any]:
    cv2 = pytest.importorskip("cv2")
    np = pytest.importorskip("numpy")
    png = cv2.imencode(".png", np.full((90, 160, 3), 128, np.uint8))[1].tobytes()
    return {"name": "blank.png", "mimeType": "image/png", "buffer": png}


def test_several_pictures_are_a_grid_and_one_table(visit: Visit, photo: Path) -> None:
    page = visit(news=True)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "predict" in request.url else None)
    give(page, photo, blank(), TEXT)
    tiles = page.get_by_role("region", name="Pictures").get_by_role("button")
    expect(tiles).to_have_count(3)
    expect(tiles.nth(0)).to_contain_text(re.compile(r"smile, one.jpg\s*happy \d\d.%"))
    expect(tiles.nth(1)).to_contain_text("No face")
    expect(tiles.nth(2)).to_contain_text("not")
    expect(page.locator("#grid-head")).to_have_text("1 face")
    expect(page.locator("#grid-note")).to_have_text("in 3 pictures")
    expect(page.get_by_role("meter", name="happy").and_(page.locator("#grid-bars *"))).to_have_attribute(
        "aria-valuenow", "1.0000"
    )
    name, content = saved(page, "All readings (CSV)")
    assert name == "pictures.csv"
    first, second, third = csv.DictReader(io.StringIO(content.decode()))
    assert (first["file"], first["face"], first["emotion"], first["time_s"]) == ("smile, one.jpg", "0", "happy", "")
    assert (second["file"], second["emotion"], second["error"]) == ("blank.png", "", "")
    assert third["file"] == "text.jpg"
    assert "text; send one of" in third["error"]
    assert [entry["file"] for entry in json.loads(saved(page, "All readings (JSON)")[1])] == [
        "smile, one.jpg",
        "blank.png",
        "text.jpg",
    ]
    # One by itself and back, by keyboard; nothing is asked again for the grid.
    count = len(asked)
    tiles.nth(0).press("Enter")
    expect(page.locator("#emotion")).to_have_text("happy")
    page.get_by_role("button", name="Back").press("Enter")
    expect(tiles.nth(0)).to_be_focused()
    expect(tiles.nth(0)).to_contain_text("happy")
    assert len(asked) == count + 1
    page.get_by_role("button", name="Back").click()
    expect(page.locator("#consent")).to_be_visible()


def test_videos_among_them_are_left_out_and_the_browser_reads_the_rest(visit: Visit, photo: Path) -> None:
    page = visit()
    if (ROOT / "service" / "web" / "vendor" / "ort.wasm.bundle.min.mjs").exists():
        page.get_by_role("switch", name=LOCAL).click()
    give(page, photo, blank(), {"name": "clip.webm", "mimeType": "video/webm", "buffer": b"0"})
    expect(alert(page)).to_contain_text("Videos are read one at a time")
    tiles = page.get_by_role("region", name="Pictures").get_by_role("button")
    expect(tiles).to_have_count(2)
    expect(tiles.nth(0)).to_contain_text("happy")
    expect(tiles.nth(1)).to_contain_text("No face")
