"""Videos: read line by line while they come, played with their faces, sought, saved, and half read."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.acts import DROP, alert, by_event, by_file, choose, expect, in_javascript, saved, until
from tests.browser.conftest import Visit

if TYPE_CHECKING:
    from playwright.sync_api import Page

LABELS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
FPS = 5

# The page's fetch of a video answers with what the test says, when the test says it.
SLOW_SERVER = """
const ask = window.fetch;
window.fetch = async (url, options) => {
    if (!String(url).includes("v1/predict/video")) return ask(url, options);
    window.asked = {url: String(url), size: options.body.size};
    const {readable, writable} = new TransformStream();
    const writer = writable.getWriter();
    const bytes = new TextEncoder();
    window.say = (text) => void writer.write(bytes.encode(text)).catch(() => {});
    window.finish = () => void writer.close().catch(() => {});
    window.cut = () => void writer.abort("the network went away");
    return new Response(readable, {headers: {"Content-Type": "application/x-ndjson"}});
};
"""


ALL_WORDS = """() => document.body.innerText +
    [...document.querySelectorAll("*")].map((one) => one.ariaLabel + one.ariaValueText)"""

# How many colours the strip has in its first tenth and in its second half.
STRIP_MIX = """strip => {
    const {data, width} = strip.getContext("2d").getImageData(0, Math.round(strip.height / 2), strip.width, 1);
    const colours = (from, to) => {
        const [first, end] = [Math.ceil(from * width), Math.floor(to * width)];
        const places = Array.from({length: end - first}, (_, at) => first + at);
        return new Set(places.map((at) => data.slice(4 * at, 4 * at + 4).join())).size;
    };
    return [colours(0, 0.09), colours(0.5, 1)];
}"""


def a_face(label: str, x: int, track_id: int = 1) -> dict[str, Any]:
    emotions = {name: 0.9 if name == label else 0.1 / 6 for name in LABELS}
    return {
        "box": {"x": x, "y": 60, "width": 80, "height": 80},
        "detection": {"detector": "haar_frontalface_default", "weight": 4.0},
        "emotion": label,
        "confidence": 0.9,
        "uncertain": False,
        "plausible": [label],
        "emotions": emotions,
        "quality": {"sharpness": 900.0, "brightness": 0.5, "warnings": []},
        "track_id": track_id,
        "explanations": [],
    }


def frame(index: int) -> dict[str, Any]:
    """Neutral in the first second, happy in the second; the face moves 20 pixels from frame to frame."""
    label = "neutral" if index < FPS else "happy"
    return {"type": "frame", "index": index, "time_s": index / FPS, "faces": [a_face(label, 20 + 20 * index)]}


SUMMARY = {
    "type": "summary",
    "duration_s": 2.0,
    "frames_read": 50,
    "frames_analysed": 2 * FPS,
    "tracks": [{"track_id": 1, "from_s": 0.0, "to_s": 1.8, "mean": dict.fromkeys(LABELS, 1 / 7), "dominant": "happy"}],
}


def lines(*given: dict[str, Any]) -> str:
    return "".join(json.dumps(line) + "\n" for line in given)


def a_video() -> str:
    return lines(*(frame(index) for index in range(2 * FPS)), SUMMARY)


def fake(page: "Page", video: Path) -> None:
    """Gives the page a video, and the page an answer to it."""
    page.route("**/v1/predict/video*", lambda route: route.fulfill(content_type="application/x-ndjson", body=a_video()))
    by_file(page, video)


def seek(page: "Page", time_s: float) -> None:
    page.get_by_role("slider", name="Time in the video").evaluate(
        "(seek, time) => { seek.value = time; seek.dispatchEvent(new Event('input')); }", str(time_s)
    )


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
    by_label = dict(zip(LABELS, page.locator("#bars .fill").evaluate_all(bars), strict=True))
    assert (first, second) == (by_label["neutral"], by_label["happy"])
    bounds = page.locator("#strip").bounding_box()
    assert bounds
    page.mouse.click(bounds["x"] + 0.8 * bounds["width"], bounds["y"] + bounds["height"] / 2)
    expect(page.locator("#emotion")).to_have_text("happy")
    page.get_by_role("slider", name="Time in the video").press("Home")
    expect(page.locator("#emotion")).to_have_text("neutral")


def test_boxes_move_between_frames(visit: Visit) -> None:
    page = visit()
    read = f"""async () => {{
        const {{VideoFrames}} = await import("/static/modes/frames.js");
        const video = new VideoFrames({FPS});
        for (const line of {json.dumps([frame(1), frame(2), frame(4)])}) video.add(line);
        const at = (time) => video.facesAt(time)?.[0]?.box.x ?? null;
        const times = [0.1, 0.2, 0.25, 0.3, 0.4, 0.6, 0.8, 0.95, 1.05];
        const before = times.map(at);
        video.add({json.dumps(frame(5))});
        video.add({json.dumps(SUMMARY)});
        return [before, [0.4, 0.6, 0.9, 1.0, 1.9].map(at)];
    }}"""
    before, after = page.evaluate(read)
    # Before the first frame it is where that has it. Frames that lie far apart (the third is missing) show a still
    # picture between them. After the last one nothing is known: for one interval it stays.
    assert before == pytest.approx([40, 40, 45, 50, 60, 60, 100, 100, None])
    # To the end of what was read, the last frame stays in view, and so do its faces.
    assert after == pytest.approx([60, 60, 110, 120, 120])


def test_faces_are_shown_while_the_video_is_read(visit: Visit, video: Path) -> None:
    page = visit(SLOW_SERVER)
    page.emulate_media(reduced_motion="reduce")
    by_file(page, video)
    until(page, lambda: page.evaluate("Boolean(window.asked)"), "the request")
    assert page.evaluate("asked.url").endswith(f"/v1/predict/video?fps={FPS}")
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
    expect(page.get_by_role("slider")).to_have_attribute("aria-valuetext", "0:01 / 0:02, Still reading")
    assert "no face" not in page.evaluate(ALL_WORDS).lower()
    read, unread = page.locator("#strip").evaluate(STRIP_MIX)
    assert read == 1
    assert unread > 2
    # The place is shown as soon as it is read, without a hand on the page.
    page.evaluate("text => say(text)", lines(*(frame(index) for index in range(1, 9))))
    expect(page.locator("#emotion")).to_have_text("happy")
    expect(page.locator("#announcer")).to_contain_text("One face, happy")
    expect(page.get_by_role("slider")).to_have_attribute("aria-valuetext", "0:01 / 0:02")
    # Where the reading ends early, the rest stays unread.
    seek(page, 1.99)
    page.evaluate("cut()")
    expect(page.locator("#emotion")).to_have_text("Not read")
    expect(page.locator("#caption")).to_have_text("Not read: the reading stopped at 0:01 of 0:02")


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


def drop(page: "Page", video: Path) -> None:
    by_event(page, in_javascript(video), DROP, video.name, "video/mp4")


@pytest.mark.parametrize("give", [by_file, drop])
def test_the_server_reads_a_video(visit: Visit, video: Path, give: Callable[["Page", Path], None]) -> None:
    """With nothing between page and service."""
    page = visit()
    give(page, video)
    expect(page.locator("#video-state")).to_contain_text("frames of 0:02 read")
    expect(page.locator("#emotion")).to_have_text("happy")
