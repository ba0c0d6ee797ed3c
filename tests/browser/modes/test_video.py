"""Videos: read line by line while they come, played with their faces, sought, saved, and half read."""

import json
import re
import subprocess
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.browser.acts import (
    DROP,
    alert,
    by_event,
    by_file,
    choose,
    expect,
    in_javascript,
    saved,
    until,
)
from tests.browser.chromium import ROOT, Server, Visit
from tests.browser.videos import (
    ALL_WORDS,
    LABELS,
    SLOW_SERVER,
    STRIP_MIX,
    SUMMARY,
    a_video,
    fake,
    frame,
    lines,
    seek,
)

if TYPE_CHECKING:
    from playwright.sync_api import Page


SAMPLE = ROOT / "service" / "web" / "samples" / "portrait.mp4"


def test_a_video_plays_with_its_labels(visit: Visit, video: Path) -> None:
    page = visit()
    page.emulate_media(reduced_motion="reduce")  # it waits to be started
    fake(page, video)
    expect(page.locator("#video-state")).to_have_text("10 frames of 0:02 read; face 1 mostly happy (0:00 to 0:01)")
    expect(page.locator("#emotion")).to_have_text("neutral")
    expect(page.locator("#caption")).to_have_text("face 1: neutral")
    page.get_by_role("button", name="Play").click()
    expect(page.locator("#caption")).to_have_text("face 1: happy")
    expect(page.locator("#emotion")).to_have_text("happy")
    expect(page.get_by_role("button", name="Play")).to_be_visible()  # at its end
    page.get_by_role("button", name="Back").click()
    assert page.locator("#video").evaluate("video => video.currentSrc === '' || video.readyState === 0")


def test_the_strip_has_the_labels_colours_and_leads_there(visit: Visit, video: Path) -> None:
    page = visit()
    page.emulate_media(reduced_motion="reduce")
    fake(page, video)
    expect(page.locator("#video-state")).to_contain_text("read")
    colours = """strip => {
        const {data} = strip.getContext("2d").getImageData(0, strip.height / 2, strip.width, 1);
        return [0.25, 0.75].map((share) => [...data.slice(4 * Math.round(share * strip.width)).slice(0, 3)].join());
    }"""
    first, second = page.locator("#strip").evaluate(colours)
    bars = "all => all.map(one => getComputedStyle(one).backgroundColor.replace(/[^\\d,]/g, ''))"
    by_label = dict(zip(LABELS, page.locator("#bars .meter:first-child .fill").evaluate_all(bars), strict=True))
    assert (first, second) == (by_label["neutral"], by_label["happy"])
    bounds = page.locator("#strip").bounding_box()
    assert bounds
    page.mouse.click(bounds["x"] + 0.8 * bounds["width"], bounds["y"] + bounds["height"] / 2)
    expect(page.locator("#emotion")).to_have_text("happy")
    page.get_by_role("slider", name="Time in the video").press("Home")
    expect(page.locator("#emotion")).to_have_text("neutral")


def test_curves_say_what_was_read_at_each_time(visit: Visit, video: Path) -> None:
    page = visit()
    page.emulate_media(reduced_motion="reduce")
    fake(page, video)
    curve = page.get_by_role("slider", name="Face 1 over time")
    values = page.locator("#curves-legend .value")
    box = curve.bounding_box()
    assert box
    page.mouse.move(box["x"] + 0.75 * box["width"], box["y"] + box["height"] / 2)
    expect(page.locator("#curves-at")).to_have_text("Face 1, 0:01.5")
    expect(values).to_have_text([re.compile(rf"{90 if label == 'happy' else 2}.%") for label in LABELS])
    page.mouse.click(box["x"] + 0.75 * box["width"], box["y"] + box["height"] / 2)
    expect(page.locator("#emotion")).to_have_text("happy")
    page.mouse.move(0, 0)
    expect(values).to_have_text([""] * len(LABELS))
    # The same by keyboard.
    curve.press("Home")
    expect(curve).to_have_attribute("aria-valuetext", re.compile("^0:00: neutral 90.%, "))
    curve.press("Enter")
    expect(page.locator("#emotion")).to_have_text("neutral")
    page.evaluate("() => new Promise(requestAnimationFrame)")
    expect(page.locator("#curves-rows .face canvas")).to_have_count(1)


def test_faces_are_shown_while_the_video_is_read(visit: Visit, video: Path) -> None:
    page = visit(SLOW_SERVER)
    page.emulate_media(reduced_motion="reduce")
    by_file(page, video)
    until(page, lambda: page.evaluate("Boolean(window.asked)"), "the request")
    assert urlsplit(page.evaluate("asked.url")).path == "/v1/predict/video"
    assert page.evaluate("asked.size") == video.stat().st_size
    whole = lines(frame(0), frame(1), frame(2))
    # A line may come in pieces.
    page.evaluate("text => say(text)", whole[:-40])
    expect(page.locator("#emotion")).to_have_text("neutral")
    expect(page.locator("#video-state")).to_have_text("Reading: 0:00 of 0:02, 2 frames")
    page.evaluate("text => say(text)", whole[-40:])
    expect(page.locator("#video-state")).to_have_text("Reading: 0:00 of 0:02, 3 frames")
    page.evaluate("text => say(text)", lines(SUMMARY))
    page.evaluate("finish()")
    expect(page.locator("#video-state")).to_contain_text("10 frames of 0:02 read")


def test_what_is_not_read_yet_is_never_no_face(visit: Visit, video: Path) -> None:
    page = visit(SLOW_SERVER)
    page.emulate_media(reduced_motion="reduce")
    by_file(page, video)
    until(page, lambda: page.evaluate("Boolean(window.asked)"), "the request")
    # The first frame has no face, which is an answer; the second has not been read.
    page.evaluate("text => say(text)", lines({**frame(0), "faces": []}))
    expect(page.locator("#emotion")).to_have_text("No face")
    seek(page, 1.5)
    expect(page.locator("#emotion")).to_have_text("Still reading")
    expect(page.locator("#note")).to_have_text("Reading: 0:00 of 0:02")
    expect(page.locator("#caption")).to_have_text("Reading: 0:00 of 0:02")
    expect(page.locator("#announcer")).to_have_text("Still reading")
    expect(page.get_by_role("img", name="Reading: 0:00 of 0:02")).to_be_visible()
    expect(page.get_by_role("slider", name="Time in the video")).to_have_attribute(
        "aria-valuetext", "0:01 / 0:02, Still reading"
    )
    assert "no face" not in page.evaluate(ALL_WORDS).lower()
    read, unread = page.locator("#strip").evaluate(STRIP_MIX)
    assert read == 1
    assert unread > 1, "hatched"
    # The place is shown as soon as it is read, without a hand on the page.
    page.evaluate("text => say(text)", lines(*(frame(index) for index in range(1, 9))))
    expect(page.locator("#emotion")).to_have_text("happy")
    expect(page.locator("#announcer")).to_contain_text("One face, happy")
    expect(page.get_by_role("slider", name="Time in the video")).to_have_attribute("aria-valuetext", "0:01 / 0:02")
    # Where the reading ends early, the rest stays unread.
    seek(page, 1.99)
    page.evaluate("cut()")
    expect(page.locator("#emotion")).to_have_text("Not read")
    expect(page.locator("#caption")).to_have_text("Not read: the reading stopped at 0:01 of 0:02")


def test_the_reading_goes_where_one_seeks_to(visit: Visit) -> None:
    page = visit(SLOW_SERVER)
    page.emulate_media(reduced_motion="reduce")
    by_file(page, SAMPLE)
    until(page, lambda: page.evaluate("Boolean(window.asked)"), "the request")
    page.evaluate("text => say(text)", lines(frame(0)))
    expect(page.locator("#emotion")).to_have_text("neutral")
    page.evaluate("delete window.asked")
    seek(page, 8)
    until(page, lambda: page.evaluate("Boolean(window.asked)"), "a request from there on")
    from_s = float(parse_qs(urlsplit(page.evaluate("asked.url")).query)["from_s"][0])
    assert from_s == pytest.approx(8, abs=0.3)
    page.evaluate("text => say(text)", lines({**frame(9), "time_s": from_s}))
    expect(page.locator("#emotion")).to_have_text("happy")
    expect(page.locator("#video-state")).to_have_text("Reading: 0:00 of 0:10, 2 frames")
    # Before it, nothing is claimed, and what was read first is still there.
    seek(page, 5)
    expect(page.locator("#emotion")).to_have_text("Still reading")
    seek(page, 0)
    expect(page.locator("#emotion")).to_have_text("neutral")


# Of the first answer of the service only the first piece comes, until the page leaves it.
HELD = """
const ask = window.fetch;
let held = false;
window.fetch = async (url, options) => {
    const answer = await ask(url, options);
    if (held || !String(url).includes("v1/predict/video")) return answer;
    held = true;
    const left = new Promise((resolve) => options.signal.addEventListener("abort", resolve));
    let pieces = 0;
    const transform = async (piece, out) => ((pieces += 1) === 1 ? out.enqueue(piece) : left);
    return new Response(answer.body.pipeThrough(new TransformStream({transform})), answer);
};
"""


@pytest.mark.usefixtures("ffmpeg")
def test_a_sought_reading_ends_as_one_from_the_start(visit: Visit, server: Server, tmp_path: Path) -> None:
    """By the service as it is by default, where this page has one place for a video."""
    with urllib.request.urlopen(f"{server.url()}/v1/limits", timeout=10) as limits:  # noqa: S310 (our own address)
        assert json.load(limits)["client_videos"] == 1
    short = tmp_path / "short.mp4"
    cut = ["-i", str(SAMPLE), "-t", "4", "-c", "copy", str(short)]
    subprocess.run(["ffmpeg", "-v", "error", *cut], check=True)
    page = visit(HELD, news=True)  # a refusal, where the first part's place is not free at once
    page.emulate_media(reduced_motion="reduce")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "predict/video" in request.url else None)
    by_file(page, short)
    expect(page.locator("#video-state")).to_contain_text("Reading")
    seek(page, 3)
    expect(page.locator("#video-state")).to_contain_text("frames of 0:04 read; face 1 mostly happy")
    assert "from_s=3" in asked[1], "the reading went there"
    ours = [json.loads(line) for line in saved(page, "NDJSON")[1].decode().splitlines()]
    url = f"{server.url()}/v1/predict/video?detector=haar"
    with urllib.request.urlopen(url, short.read_bytes(), timeout=60) as answer:  # noqa: S310
        theirs = [json.loads(line) for line in answer]
    assert ours[:-1] == theirs[:-1]
    assert ours[-1]["tracks"][0]["mean"] == pytest.approx(theirs[-1]["tracks"][0]["mean"])


def test_what_came_before_an_error_is_kept(visit: Visit, video: Path) -> None:
    page = visit(SLOW_SERVER)
    page.emulate_media(reduced_motion="reduce")
    problem = {"type": "error", "title": "The video is damaged", "detail": "Nothing can be read after 0.4 s."}
    ends = {
        f"say({json.dumps(lines(problem))})": "The video is damaged",
        "cut()": "does not answer",
        "finish()": "end is missing",
    }
    for end, words in ends.items():
        page.evaluate("delete window.asked")
        by_file(page, video)
        until(page, lambda: page.evaluate("Boolean(window.asked)"), "the request")
        page.evaluate("text => say(text)", lines(frame(0), frame(1)))
        expect(page.locator("#emotion")).to_have_text("neutral")
        page.evaluate(end)
        expect(alert(page)).to_contain_text(words)
        expect(alert(page)).to_contain_text("What was read before is kept")
        expect(page.locator("#video-state")).to_have_text("Stopped: 0:00 of 0:02, 2 frames")
        expect(page.locator("#emotion")).to_have_text("neutral")


def test_a_video_stays_where_the_next_file_cannot_be_read(visit: Visit, video: Path) -> None:
    page = visit(SLOW_SERVER, news=True)
    page.emulate_media(reduced_motion="reduce")
    by_file(page, video)
    until(page, lambda: page.evaluate("Boolean(window.asked)"), "the request")
    page.evaluate("text => say(text)", lines(*(frame(index) for index in range(8))))
    expect(page.locator("#video-state")).to_have_text("Reading: 0:01 of 0:02, 8 frames")
    seek(page, 1.5)
    expect(page.locator("#emotion")).to_have_text("happy")
    page.evaluate("delete window.asked")
    choose(page, "photo.jpg", b"this is no picture")
    expect(alert(page)).to_contain_text("text; send one of")
    # The same place of the same video, and its reading goes on.
    expect(page.locator("#emotion")).to_have_text("happy")
    expect(page.get_by_role("slider", name="Time in the video")).to_have_value("1.5")
    expect(page.get_by_role("slider", name="Face 1 over time")).to_be_visible()
    until(page, lambda: page.evaluate("Boolean(window.asked)"), "a request for the rest")
    assert parse_qs(urlsplit(page.evaluate("asked.url")).query)["from_s"] == ["1.6"]
    page.evaluate("text => say(text)", lines(frame(8), frame(9), SUMMARY))
    page.evaluate("finish()")
    expect(page.locator("#video-state")).to_contain_text("10 frames of 0:02 read")
    # Of a video that is read nothing is asked again.
    page.evaluate("delete window.asked")
    choose(page, "damaged.webm", b"this is no video", "video/webm")
    until(page, lambda: page.evaluate("Boolean(window.asked)"), "the request")
    page.evaluate("delete window.asked")
    page.evaluate("finish()")
    expect(alert(page)).to_contain_text("end is missing")
    expect(page.locator("#video-state")).to_contain_text("10 frames of 0:02 read")
    expect(page.locator("#emotion")).to_have_text("happy")
    assert not page.evaluate("Boolean(window.asked)")


def test_a_video_that_is_refused_is_explained(visit: Visit, video: Path) -> None:
    page = visit(news=True)
    refusal = {"title": "This kind of file is not taken", "detail": "This is text."}
    page.route("**/v1/predict/video*", lambda route: route.fulfill(status=415, json=refusal))
    by_file(page, video)
    expect(alert(page)).to_contain_text("This kind of file is not taken")
    expect(page.locator("#consent")).to_be_visible()


def test_a_video_that_the_browser_cannot_play_is_still_shown(visit: Visit) -> None:
    page = visit()
    page.route("**/v1/predict/video*", lambda route: route.fulfill(content_type="application/x-ndjson", body=a_video()))
    choose(page, "video.avi", b"RIFF....AVI LIST", "video/x-msvideo")
    expect(page.get_by_text("Your browser cannot play this video")).to_be_visible()
    expect(page.get_by_role("button", name="Play")).to_be_disabled()
    expect(page.locator("#emotion")).to_have_text("neutral")
    seek(page, 1.5)
    expect(page.locator("#emotion")).to_have_text("happy")


def drop(page: "Page", video: Path) -> None:
    by_event(page, in_javascript(video), DROP, video.name, "video/mp4")


@pytest.mark.parametrize("give", [by_file, drop])
def test_the_server_reads_a_video(visit: Visit, video: Path, give: Callable[["Page", Path], None]) -> None:
    """With nothing between page and service."""
    page = visit()
    give(page, video)
    expect(page.locator("#video-state")).to_contain_text("frames of 0:02 read")
    expect(page.locator("#emotion")).to_have_text("happy")
