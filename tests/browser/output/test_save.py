"""What the menu saves: the view, readings, videos, and the last 30 seconds."""

import csv
import io
import json
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import cv2
import numpy as np
import pytest

from tests.browser.acts import (
    alert,
    by_file,
    choose,
    expect,
    go_live,
    saved,
    until,
)
from tests.browser.chromium import Server, Visit
from tests.browser.videos import FPS, SLOW_SERVER, SUMMARY, a_video, fake, frame, lines

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route


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
    page.locator("#details > summary").click()
    expect(page.locator("#raw-text")).to_contain_text(answer["request_id"])
    page.get_by_role("button", name="Copy the JSON").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert json.loads(page.evaluate("navigator.clipboard.readText()")) == answer
    assert json.loads(saved(page, "This reading (JSON)")[1]) == answer
    [row] = csv.DictReader(io.StringIO(saved(page, "This reading (CSV)")[1].decode()))
    [face] = answer["faces"]
    assert (int(row["x"]), int(row["width"])) == (face["box"]["x"], face["box"]["width"])
    assert float(row["happy"]) == pytest.approx(face["emotions"]["happy"], abs=1e-6)


def open_menu(page: "Page") -> dict[str, float]:
    """Where the list of the menu lies, in CSS pixels from the window's corner."""
    page.locator("#save summary").click()
    expect(page.locator("#save-list").get_by_role("button").first).to_be_visible()
    return dict(page.locator("#save-list").evaluate("list => list.getBoundingClientRect().toJSON()"))


@pytest.mark.parametrize("width", [1200, 360])
def test_the_whole_menu_lies_in_the_window(visit: Visit, photo: Path, width: int) -> None:
    page = visit(width=width)

    def check(height: int) -> dict[str, float]:
        place = open_menu(page)
        assert place["left"] >= 0
        assert place["top"] >= 0
        assert place["right"] <= width
        assert place["bottom"] <= height
        page.keyboard.press("Escape")
        return place

    picture: Any = {"name": "photo.jpg", "mimeType": "image/jpeg", "buffer": photo.read_bytes()}
    left_out: Any = {"name": "clip.webm", "mimeType": "video/webm", "buffer": b"0"}
    # The buttons of the grid are at the top of the window, below a message where there is one.
    page.locator("#file").set_input_files([picture, picture])
    expect(page.locator("#grid-note")).to_have_text("in 2 pictures")
    check(800)
    page.locator("#file").set_input_files([picture, picture, left_out])
    expect(page.locator("#grid-note")).to_have_text("in 2 pictures")
    notice = alert(page).bounding_box()
    assert notice
    assert check(800)["top"] >= notice["y"] + notice["height"]
    # Those of a picture are further down, and a phone that is turned has little room.
    by_file(page, photo)
    expect(page.locator("#confidence")).not_to_be_empty()
    for height in (800, 360):
        page.set_viewport_size({"width": width, "height": height})
        page.locator("#save summary").scroll_into_view_if_needed()
        check(height)


def from_service(server: Server, body: bytes, form: str) -> bytes:
    request = urllib.request.Request(f"{server.url()}/v1/predict/video?format={form}", body)  # noqa: S310 (our own address)
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        return bytes(answer.read())


def test_a_saved_video_is_what_the_service_would_have_sent(visit: Visit, server: Server, video: Path) -> None:
    page = visit()
    by_file(page, video)
    expect(page.locator("#video-state")).to_contain_text("frames of 0:02 read")
    for words, form, name in (
        ("readings (NDJSON)", "ndjson", "video.ndjson"),
        ("readings (CSV)", "csv", "video.csv"),
        ("captions (WebVTT)", "webvtt", "video.vtt"),
    ):
        theirs = from_service(server, video.read_bytes(), form)
        assert theirs.count(b"happy") >= (2 if form == "webvtt" else 9)
        assert saved(page, words) == (name, theirs)
    theirs = from_service(server, video.read_bytes(), "mp4")
    assert b"ftyp" in theirs[:16]
    assert saved(page, "annotated video (MP4)") == ("video.mp4", theirs)
    expect(page.locator("#video-state")).to_contain_text("frames of 0:02 read")


def test_the_annotated_video_is_made_once_the_video_is_read(visit: Visit, video: Path) -> None:
    page = visit(SLOW_SERVER)
    page.emulate_media(reduced_motion="reduce")
    by_file(page, video)
    until(page, lambda: page.evaluate("Boolean(window.asked)"), "the request")
    page.evaluate("text => say(text)", lines(frame(0)))
    state = page.locator("#video-state")
    expect(state).to_contain_text("Reading")
    choice = page.locator("#save").get_by_role("button", name="annotated video")

    def offered(count: int) -> None:
        open_menu(page)
        expect(choice).to_have_count(count)
        page.keyboard.press("Escape")

    offered(0)
    page.evaluate("text => say(text)", lines(SUMMARY))
    page.evaluate("finish()")
    expect(state).to_contain_text("of 0:02 read")
    # It says how far it is, is made once at a time, and its failure leaves the readings.
    for end, words in (("cut()", "The annotated video could not be made"), ("say('x'.repeat(3 * 2 ** 20))", None)):
        page.evaluate("delete window.asked")
        open_menu(page)
        choice.click()
        expect(state).to_have_text("Making the annotated video: 0.0 MB so far")
        until(page, lambda: page.evaluate("Boolean(window.asked)"), "the request")
        assert parse_qs(urlsplit(page.evaluate("asked.url")).query)["format"] == ["mp4"]
        offered(0)
        page.evaluate(end)
        if words:
            expect(alert(page)).to_contain_text(words)
            expect(state).to_contain_text("of 0:02 read")
    expect(state).to_have_text("Making the annotated video: 3.0 MB so far")
    expect(page.locator("#save summary")).to_have_text("Saving…")
    # Who leaves it hears nothing more of it.
    page.get_by_role("button", name="Back").click()
    expect(page.locator("#consent")).to_be_visible()
    expect(page.locator("#save summary")).to_have_text("Save")
    expect(alert(page)).to_be_hidden()


def test_a_saved_part_of_a_video_says_what_ended_it(visit: Visit, server: Server, video: Path) -> None:
    page = visit()
    body = video.read_bytes()[: video.stat().st_size * 4 // 5]
    choose(page, "half.webm", body, "video/webm")
    expect(page.locator("#video-state")).to_contain_text("Stopped")
    theirs = from_service(server, body, "csv")
    assert b"undecodable_video: " in theirs
    assert saved(page, "readings (CSV)")[1] == theirs
    note = saved(page, "captions (WebVTT)")[1].decode().splitlines()[-1]
    assert json.loads(note.removeprefix("NOTE "))["code"] == "undecodable_video"


def test_each_frame_of_a_video_is_saved(visit: Visit, video: Path) -> None:
    """Of a video that the test makes up: faces that change, and a summary."""
    page = visit()
    fake(page, video)
    expect(page.locator("#video-state")).to_contain_text("read")
    assert saved(page, "readings (NDJSON)")[1].decode() == a_video()
    rows = list(csv.DictReader(io.StringIO(saved(page, "readings (CSV)")[1].decode())))
    assert [row["emotion"] for row in rows] == ["neutral"] * FPS + ["happy"] * FPS
    first, second, *_ = saved(page, "captions (WebVTT)")[1].decode().split("\n\n")[1:]
    assert (first, second) == (
        "00:00:00.000 --> 00:00:01.000\nface 1: neutral",
        "00:00:01.000 --> 00:00:02.000\nface 1: happy",
    )
