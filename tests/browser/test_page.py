"""The page in a real browser, with a real server: live, pictures, and everything that can be in the way."""

import base64
import json
import re
import struct
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.browser.chromium import INSECURE_HOST, Server
from tests.browser.conftest import Visit
from tests.service.conftest import METADATA, brightness_network

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, WebSocket, WebSocketRoute

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright (make test installs it)")
expect = sync_api.expect

PATIENCE_MS = 30_000  # the cores may be busy with a training
expect.set_options(timeout=PATIENCE_MS)
OPEN_CAMERA = "Agree and open the camera"

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
    """The panel's bars, read as a screen reader would."""
    meters = page.locator("#bars").get_by_role("meter")
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


def alert(page: "Page") -> Any:
    return page.get_by_role("alert")


def described(server: Server) -> dict[str, Any]:
    with urllib.request.urlopen(f"{server.url()}/v1/model", timeout=10) as answer:  # noqa: S310 (our own address)
        return dict(json.load(answer))


# --- live ------------------------------------------------------------------------------------------


def test_consent_comes_before_the_camera(visit: Visit) -> None:
    page = visit(SPY)
    consent = page.locator("#consent")
    expect(consent).to_contain_text("sent to this server")
    expect(consent).to_contain_text("nothing is kept")
    expect(consent).to_contain_text("not what a person feels")
    assert page.evaluate("spy.calls") == 0
    go_live(page)
    assert page.evaluate("spy.calls") == 1
    expect(consent).to_be_hidden()


def test_live_shows_what_the_model_reads(visit: Visit, server: Server) -> None:
    page = visit()
    wire = go_live(page)
    expect(page.locator("#emotion")).to_have_text("happy")
    assert list(shares(page)) == described(server)["labels"]
    assert sum(shares(page).values()) == pytest.approx(1, abs=0.01)
    for figure in ("#rate", "#delay"):
        expect(page.locator(figure)).to_have_text(re.compile(r"^\d+(\.\d)?$"))
    stages = set(wire.results()[0]["timing_ms"]) - {"total"}
    assert stages <= {text.split()[0] for text in page.locator("#legend li").all_inner_texts()}
    expect(page.get_by_role("img", name="One face, happy")).to_be_visible()


def test_frames_are_numbered_and_sent_only_for_a_credit(visit: Visit) -> None:
    page = visit()
    wire = go_live(page)
    until(page, lambda: len(wire.frames) >= 8, "eight frames")
    headers = [struct.unpack(">4sId", frame[:16]) for frame in wire.frames]
    assert [magic for magic, _, _ in headers] == [b"FER1"] * len(headers)
    assert [number for _, number, _ in headers] == list(range(1, len(headers) + 1))
    times = [time_ms for _, _, time_ms in headers]
    assert times == sorted(times)
    assert all(frame[16:18] == b"\xff\xd8" for frame in wire.frames)
    credits = next(answer["credits"] for answer in wire.answers if answer["type"] == "session.created")
    assert 1 <= wire.most_under_way <= credits
    assert max(wire.results()[0]["image"].values()) <= 640


def test_the_heatmap_switch_asks_the_server(visit: Visit) -> None:
    page = visit()
    wire = go_live(page)
    explained = [bool(face["explanations"]) for face in wire.results()[-1]["faces"]]
    assert explained == [True]
    page.get_by_role("switch", name="Heatmap").click()

    def bare() -> bool:
        faces = wire.results()[-1]["faces"]
        return bool(faces) and not any(face["explanations"] for face in faces)

    until(page, bare, "a result without heatmap")
    updates = [command["explain"] for command in wire.commands if command["type"] == "session.update"]
    assert updates == ["gradcam", "none"]


def test_a_smile_changes_the_label(visit: Visit, smiling_browser: "Browser") -> None:
    page = visit(browser=smiling_browser)
    wire = go_live(page)

    def seen() -> set[str]:
        return {face["emotion"] for result in wire.results() for face in result["faces"]}

    until(page, lambda: "happy" in seen() and len(seen()) > 1, "another label and happy")


def test_stop_ends_camera_and_stream(visit: Visit) -> None:
    page = visit(SPY)
    wire = go_live(page)
    page.get_by_role("button", name="Stop").click()
    assert page.evaluate("spy.tracks.map(track => track.readyState)") == ["ended"]
    assert page.locator("#camera").evaluate("video => video.srcObject") is None
    until(page, lambda: wire.closed == 1, "the socket's end")
    assert wire.commands[-1] == {"type": "session.close"}
    assert wire.answers[-1]["type"] == "session.closed"
    sent = len(wire.frames)
    assert sent > 0
    expect(page.get_by_role("button", name=OPEN_CAMERA)).to_be_focused()
    expect(page.locator("#confidence")).to_be_empty()
    page.wait_for_timeout(300)
    assert len(wire.frames) == sent


def test_a_hidden_page_sends_nothing(visit: Visit) -> None:
    page = visit()
    wire = go_live(page)
    hide = "hidden => Object.defineProperty(document, 'hidden', {configurable: true, get: () => hidden})"
    page.evaluate(hide, True)
    page.wait_for_timeout(200)
    until(page, lambda: len(wire.settled()) == len(wire.frames), "answers to the last frames")
    sent = len(wire.frames)
    page.wait_for_timeout(500)
    assert len(wire.frames) == sent
    page.evaluate(hide, False)
    until(page, lambda: len(wire.frames) > sent, "frames again")


def test_a_chosen_face_is_followed(visit: Visit) -> None:
    """The server's answers get a second face, a sad one: no film of two people may be published here."""
    page = visit()

    def doubled(text: str) -> str:
        message = json.loads(text)
        if message["type"] == "result" and message["faces"]:
            [face] = message["faces"]
            sad = {label: float(label == "sad") for label in face["emotions"]}
            box = {"x": 10 + message["frame_id"] % 5, "y": 10, "width": 40, "height": 40}
            answer = {"emotion": "sad", "confidence": 1.0, "emotions": sad}
            message["faces"].append({**face, **answer, "box": box, "track_id": face["track_id"] + 1})
        return json.dumps(message)

    def between(socket: "WebSocketRoute") -> None:
        server = socket.connect_to_server()
        server.on_message(lambda text: socket.send(doubled(str(text))))

    page.route_web_socket("**/v1/stream", between)
    go_live(page)
    faces = page.get_by_role("group", name="Faces in view").get_by_role("button")
    expect(faces).to_have_count(2)
    expect(page.locator("#emotion")).to_have_text("happy")
    faces.nth(1).press("Enter")
    page.wait_for_timeout(500)
    expect(page.locator("#emotion")).to_have_text("sad")
    expect(faces.nth(1)).to_have_attribute("aria-pressed", "true")
    assert shares(page)["sad"] == 1
    faces.nth(0).press("Enter")
    expect(page.locator("#emotion")).to_have_text("happy")


# --- what can be in the way of a camera ------------------------------------------------------------


def test_a_camera_that_fails_is_explained(visit: Visit) -> None:
    page = visit("navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('no', window.failure); }")
    for failure, message in {
        "NotFoundError": "No camera was found",
        "NotAllowedError": "The camera is not allowed",
        "NotReadableError": "The camera is busy",
        "AbortError": "The camera did not start",
    }.items():
        page.evaluate("failure => { window.failure = failure; }", failure)
        page.get_by_role("button", name=OPEN_CAMERA).click()
        expect(alert(page)).to_contain_text(message)


def test_without_a_secure_context_the_way_out_is_named(visit: Visit, server: Server) -> None:
    page = visit(url=server.url(INSECURE_HOST))
    assert page.evaluate("isSecureContext") is False
    page.get_by_role("button", name=OPEN_CAMERA).click()
    expect(alert(page)).to_contain_text("https")
    expect(alert(page)).to_contain_text("localhost")


def test_stop_while_the_browser_asks(visit: Visit) -> None:
    slow = SPY.replace("await ask(wanted)", "await new Promise(go => (window.allow = go)).then(() => ask(wanted))")
    page = visit(slow)
    page.get_by_role("button", name=OPEN_CAMERA).click()
    page.get_by_role("button", name="Stop").click()
    page.evaluate("allow()")
    states = "spy.tracks.map(track => track.readyState)"
    until(page, lambda: page.evaluate(states) == ["ended"], "the end of the late camera")
    expect(page.get_by_role("button", name=OPEN_CAMERA)).to_be_visible()


def test_a_full_server_says_so(visit: Visit, small_server: Server) -> None:
    first = visit(url=small_server.url())
    wire = go_live(first)
    second = visit(url=small_server.url())
    second.get_by_role("button", name=OPEN_CAMERA).click()
    expect(alert(second)).to_contain_text("The server is full")
    first.get_by_role("button", name="Stop").click()
    until(first, lambda: wire.closed == 1, "the first one's end")
    # A press without waiting: the page's own next attempt may have come first and taken the button away.
    second.locator("#notice-action").evaluate("button => button.click()")
    expect(second.locator("#confidence")).to_have_text(re.compile(r"\d+.%"))
    expect(alert(second)).to_be_hidden()


def test_a_server_that_goes_and_comes_back(visit: Visit, small_server: Server) -> None:
    page = visit(url=small_server.url(), news=True)
    wire = go_live(page)
    small_server.stop()
    expect(alert(page)).to_contain_text("The server does not answer")
    expect(page.locator("#confidence")).to_be_empty()
    before = len(wire.results())
    small_server.start()
    until(page, lambda: len(wire.results()) > before, "results of the new connection")
    expect(alert(page)).to_be_hidden()
    expect(page.locator("#confidence")).to_have_text(re.compile(r"\d+.%"))


def test_a_server_that_refuses_is_not_asked_again(visit: Visit) -> None:
    page = visit()
    asked: list[str] = []

    def refuse(socket: "WebSocketRoute") -> None:
        asked.append(socket.url)
        socket.close(code=4401)

    page.route_web_socket("**/v1/stream", refuse)
    page.get_by_role("button", name=OPEN_CAMERA).click()
    expect(alert(page)).to_contain_text("The server refuses this stream")
    expect(alert(page)).to_contain_text("wants a key")
    page.wait_for_timeout(1500)
    assert len(asked) == 1


# --- pictures --------------------------------------------------------------------------------------


DROP = "DragEvent('drop', {dataTransfer: data, bubbles: true, cancelable: true})"


def by_file(page: "Page", photo: Path) -> None:
    page.locator("#file").set_input_files(photo)


def by_event(page: "Page", body: str, event: str) -> None:
    """`body` and `event` are JavaScript: a typed array, and a constructor's call that has `data` to carry."""
    send = f"""() => {{
        const data = new DataTransfer();
        data.items.add(new File([{body}], "photo.jpg", {{type: "image/jpeg"}}));
        document.body.dispatchEvent(new {event});
    }}"""
    page.evaluate(send)


def by_drop(page: "Page", photo: Path) -> None:
    by_event(page, in_javascript(photo), DROP)


def by_paste(page: "Page", photo: Path) -> None:
    by_event(page, in_javascript(photo), "ClipboardEvent('paste', {clipboardData: data, bubbles: true})")


def in_javascript(photo: Path) -> str:
    text = base64.b64encode(photo.read_bytes()).decode()
    return f"Uint8Array.from(atob('{text}'), (one) => one.charCodeAt(0))"


@pytest.mark.parametrize("give", [by_file, by_drop, by_paste])
def test_a_picture_is_read(visit: Visit, photo: Path, give: Callable[["Page", Path], None]) -> None:
    page = visit()
    give(page, photo)
    expect(page.locator("#emotion")).to_have_text("happy")
    expect(page.get_by_role("img", name="One face, happy")).to_be_visible()
    assert max(shares(page), key=lambda label: shares(page)[label]) == "happy"
    assert sum(shares(page).values()) == pytest.approx(1, abs=0.01)
    page.get_by_role("button", name="Back").click()
    expect(page.get_by_role("button", name=OPEN_CAMERA)).to_be_visible()


def test_other_labels_are_shown_as_the_model_has_them(visit: Visit, photo: Path, tmp_path: Path) -> None:
    # Numbers are the keys that JavaScript would put in an order of its own.
    labels = ["10", "unimpressed-or-otherwise-engaged", "9"]
    model = tmp_path / "other.onnx"
    model.write_bytes(brightness_network({**METADATA, "labels": json.dumps(labels)}))
    server = Server(model, tmp_path / "log")
    server.start()
    try:
        page = visit(url=server.url(), width=400)
        expect(page.locator("#bars").get_by_role("meter")).to_have_count(len(labels))
        by_file(page, photo)
        expect(page.locator("#emotion")).to_have_text(re.compile("|".join(labels)))
        assert list(shares(page)) == labels
        assert max(shares(page).values()) > 0.5
        assert page.evaluate("document.documentElement.scrollWidth") <= 400
        expect(page.get_by_role("meter", name=labels[1])).to_be_visible()
    finally:
        server.stop()


def test_the_heatmap_is_painted_on_the_face(visit: Visit, photo: Path) -> None:
    page = visit()
    by_file(page, photo)
    expect(page.locator("#emotion")).to_have_text("happy")
    with_heat = pixels(page)
    page.get_by_role("switch", name="Heatmap").click()
    without = pixels(page)
    # The face takes about a hundredth of the view; the heatmap part of it.
    changed = (with_heat != without).any(axis=1).mean()
    assert 0.002 < changed < 0.05
    page.get_by_role("switch", name="Heatmap").click()
    assert np.array_equal(pixels(page), with_heat)


def test_a_bad_file_is_explained_and_the_page_goes_on(visit: Visit, photo: Path) -> None:
    page = visit(news=True)
    for body, message in {
        b"this is no picture": "text; send one of",
        b"": "it is empty",
        photo.read_bytes()[:20_000]: "damaged or cut short",
    }.items():
        choose(page, "photo.jpg", body)
        expect(alert(page)).to_contain_text(message)
    by_file(page, photo)
    expect(page.locator("#emotion")).to_have_text("happy")
    expect(alert(page)).to_be_hidden()


def test_a_file_over_the_limit_stays_here(visit: Visit) -> None:
    page = visit()
    page.wait_for_load_state("networkidle")
    by_event(page, "new Uint8Array(11 * 2 ** 20)", DROP)
    expect(alert(page)).to_contain_text("11.0 MB; this server takes 10.0 MB")


def test_a_video_is_explained(visit: Visit) -> None:
    page = visit()
    choose(page, "film.mp4", b"\0\0\0\x18ftypmp42", "video/mp4")
    expect(alert(page)).to_contain_text("This is a video")


def test_no_face_is_an_answer(visit: Visit) -> None:
    page = visit()
    draw = """() => {
        const canvas = Object.assign(document.createElement("canvas"), {width: 200, height: 100});
        return canvas.toDataURL("image/png").split(",")[1];
    }"""
    choose(page, "empty.png", base64.b64decode(page.evaluate(draw)), "image/png")
    expect(page.get_by_text("No face was found in this picture")).to_be_visible()
    expect(page.locator("#note")).to_contain_text("It helps to")


def test_words_of_the_server_are_text(visit: Visit, photo: Path) -> None:
    page = visit(news=True)
    markup = "<img src=x onerror=document.title='bad'>"
    page.route("**/v1/predict*", lambda route: route.fulfill(status=422, json={"title": markup, "detail": markup}))
    by_file(page, photo)
    expect(alert(page)).to_contain_text(markup)
    assert alert(page).locator("img").count() == 0
    expect(page).to_have_title("Facial expression recognition")


# --- for everyone ----------------------------------------------------------------------------------


def test_nothing_is_wider_than_a_phone(visit: Visit, photo: Path) -> None:
    page = visit(width=360)

    def width() -> int:
        return int(page.evaluate("document.documentElement.scrollWidth"))

    assert width() == 360
    go_live(page)
    assert width() == 360
    page.get_by_role("button", name="Stop").click()
    by_file(page, photo)
    expect(page.locator("#confidence")).not_to_be_empty()
    assert width() == 360
    page.get_by_role("button", name="Model").click()
    assert page.get_by_role("dialog").evaluate("dialog => dialog.scrollWidth <= dialog.clientWidth")


def test_the_keyboard_is_enough(visit: Visit) -> None:
    page = visit()
    start = page.get_by_role("button", name=OPEN_CAMERA)
    for _ in range(10):
        page.keyboard.press("Tab")
        if start.evaluate("button => button === document.activeElement"):
            break
    expect(start).to_be_focused()
    assert start.evaluate("button => getComputedStyle(button).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    expect(page.locator("#confidence")).not_to_be_empty()
    expect(page.get_by_role("button", name="Stop")).to_be_focused()
    page.keyboard.press("Space")
    expect(start).to_be_focused()
    expect(start).to_be_visible()


def test_the_model_is_described(visit: Visit, server: Server) -> None:
    page = visit()
    model = described(server)
    page.get_by_role("button", name="Model").click()
    dialog = page.get_by_role("dialog", name="The model")
    expect(dialog).to_contain_text(model["sha256"])
    expect(dialog).to_contain_text(f"{100 * model['metrics']['accuracy']:.1f} %")
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_be_hidden()


def test_the_api_page_needs_no_other_host(visit: Visit, server: Server) -> None:
    page = visit()
    page.get_by_role("link", name="API").click()
    expect(page.get_by_text("/v1/predict").first).to_be_visible()
