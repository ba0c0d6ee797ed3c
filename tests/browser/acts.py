"""What the tests of the page do and read over and over again."""

import base64
import json
import re
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.browser.chromium import PATIENCE_MS, Server

if TYPE_CHECKING:
    from playwright.sync_api import Page, WebSocket, WebSocketRoute

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright (make test installs it)")
expect = sync_api.expect

expect.set_options(timeout=PATIENCE_MS)
OPEN_CAMERA = "Agree and open the camera"
LOCAL = "Run it in this browser"
DROP = "DragEvent('drop', {dataTransfer: data, bubbles: true, cancelable: true})"

# Keeps every camera track and the number of requests where a test can see them.
SPY = """
window.spy = {calls: 0, tracks: []};
const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = async (wanted) => {
    window.spy.calls += 1;
    const media = await ask(wanted);
    window.spy.tracks.push(...media.getTracks());
    return media;
};
"""


class Wire:
    """What goes over a page's WebSockets."""

    def __init__(self, page: "Page") -> None:
        self.frames: list[bytes] = []
        self.commands: list[dict[str, Any]] = []
        self.answers: list[dict[str, Any]] = []
        self.most_under_way = 0
        self.closed = 0
        page.on("websocket", self._follow)

    def _follow(self, socket: "WebSocket") -> None:
        socket.on("framesent", self._sent)
        socket.on("framereceived", lambda text: self.answers.append(json.loads(text)))
        socket.on("close", lambda _: setattr(self, "closed", self.closed + 1))

    def _sent(self, message: str | bytes) -> None:
        if isinstance(message, str):
            self.commands.append(json.loads(message))
            return
        self.frames.append(message)
        self.most_under_way = max(self.most_under_way, len(self.frames) - len(self.settled()))

    def settled(self) -> list[dict[str, Any]]:
        """The answers that give a credit back."""
        return [answer for answer in self.answers if answer["type"] in ("result", "dropped", "error")]

    def results(self) -> list[dict[str, Any]]:
        return [answer for answer in self.answers if answer["type"] == "result"]


def until(page: "Page", condition: Callable[[], Any], what: str) -> None:
    """Waits for a condition; Playwright's own waiting for one is an eval, which the page's policy forbids."""
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        page.wait_for_timeout(50)


def go_live(page: "Page") -> Wire:
    wire = Wire(page)
    page.get_by_role("button", name=OPEN_CAMERA).click()
    expect(page.locator("#confidence")).to_have_text(re.compile(r"\d+.%"))
    return wire


def shares(page: "Page") -> dict[str, float]:
    """The panel's bars of the label's answer, read as a screen reader would."""
    return _read(page, ".meter:not(.votes)")


def votes(page: "Page") -> dict[str, float]:
    """The panel's bars of the voters' answer; empty for a model without a votes head."""
    return {name.removeprefix("Votes for "): share for name, share in _read(page, ".meter.votes:visible").items()}


def _read(page: "Page", which: str) -> dict[str, float]:
    meters = page.locator("#bars").get_by_role("meter").and_(page.locator(which))
    read = "all => all.map(one => [one.ariaLabel, Number(one.ariaValueNow)])"
    return dict(meters.evaluate_all(read))


def pixels(page: "Page") -> NDArray[np.uint8]:
    """The view's RGBA pixels, (n, 4)."""
    read = """view => {
        const copy = Object.assign(document.createElement("canvas"), {width: view.width, height: view.height});
        const context = copy.getContext("2d", {willReadFrequently: true});
        context.drawImage(view, 0, 0);
        const {data} = context.getImageData(0, 0, copy.width, copy.height);
        let text = "";
        for (let at = 0; at < data.length; at += 8192) text += String.fromCharCode(...data.subarray(at, at + 8192));
        return btoa(text);
    }"""
    return np.frombuffer(base64.b64decode(page.locator("#view").evaluate(read)), np.uint8).reshape(-1, 4)


def choose(page: "Page", name: str, body: bytes, media_type: str = "image/jpeg") -> None:
    page.locator("#file").set_input_files({"name": name, "mimeType": media_type, "buffer": body})


def by_file(page: "Page", photo: Path) -> None:
    page.locator("#file").set_input_files(photo)


def by_event(page: "Page", body: str, event: str, name: str = "photo.jpg", media_type: str = "image/jpeg") -> None:
    """`body` and `event` are JavaScript: a typed array, and a constructor's call that has `data` to carry."""
    send = f"""() => {{
        const data = new DataTransfer();
        data.items.add(new File([{body}], "{name}", {{type: "{media_type}"}}));
        document.body.dispatchEvent(new {event});
    }}"""
    page.evaluate(send)


def in_javascript(photo: Path) -> str:
    text = base64.b64encode(photo.read_bytes()).decode()
    return f"Uint8Array.from(atob('{text}'), (one) => one.charCodeAt(0))"


def alert(page: "Page") -> Any:
    return page.get_by_role("alert")


def described(server: Server) -> dict[str, Any]:
    with urllib.request.urlopen(f"{server.url()}/v1/model", timeout=10) as answer:  # noqa: S310 (our own address)
        return dict(json.load(answer))


def saved(page: "Page", words: str) -> tuple[str, bytes]:
    """The name and content of what the menu saves under these words."""
    page.locator("#save summary").click()
    with page.expect_download() as download:
        page.locator("#save").get_by_role("button", name=words).click()
    return download.value.suggested_filename, Path(download.value.path()).read_bytes()


def by_drop(page: "Page", photo: Path) -> None:
    by_event(page, in_javascript(photo), DROP)


def by_paste(page: "Page", photo: Path) -> None:
    by_event(page, in_javascript(photo), "ClipboardEvent('paste', {clipboardData: data, bubbles: true})")


def doubled(page: "Page") -> None:
    """The server's answers get a second face, a sad one: no video of two people may be published here.

    Its track is far from the real ones: a face that is lost and found again is the next track.
    """

    def with_another(text: str) -> str:
        message = json.loads(text)
        if message["type"] == "result" and message["faces"]:
            [face] = message["faces"]
            sad = {label: float(label == "sad") for label in face["emotions"]}
            box = {"x": 10 + message["frame_id"] % 5, "y": 10, "width": 40, "height": 40}
            answer = {"emotion": "sad", "confidence": 1.0, "emotions": sad}
            message["faces"].append({**face, **answer, "box": box, "track_id": face["track_id"] + 1000})
        return json.dumps(message)

    def between(socket: "WebSocketRoute") -> None:
        server = socket.connect_to_server()
        server.on_message(lambda text: socket.send(with_another(str(text))))

    page.route_web_socket("**/v1/stream", between)


def camera_frames(page: "Page", count: int) -> None:
    """Returns when the camera has shown so many new frames."""
    page.locator("#camera").evaluate(
        """async (video, count) => {
            for (let i = 0; i < count; i += 1) await new Promise((seen) => video.requestVideoFrameCallback(seen));
        }""",
        count,
    )
