"""A service whose answer to a video the test writes, line by line."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.browser.acts import (
    by_file,
)

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
    options.signal.addEventListener("abort", () => void writer.abort(options.signal.reason));
    return new Response(readable, {headers: {"Content-Type": "application/x-ndjson"}});
};
"""


def a_face(label: str, x: int, track_id: int = 1) -> dict[str, Any]:
    emotions = {name: 0.9 if name == label else 0.1 / 6 for name in LABELS}
    return {
        "box": {"x": x, "y": 60, "width": 80, "height": 80},
        "detection": {"detector": "haar_frontalface_default", "weight": 4.0, "confidence": None},
        "emotion": label,
        "confidence": 0.9,
        "uncertain": False,
        "prediction_set": [label],
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
