"""The camera, live: consent, frames out, labels and heatmaps in, and the last half minute."""

import csv
import io
import json
import re
from typing import TYPE_CHECKING

import pytest

from tests.browser.acts import (
    OPEN_CAMERA,
    SPY,
    described,
    doubled,
    expect,
    go_live,
    saved,
    shares,
    until,
)
from tests.browser.chromium import Server, Visit
from tests.browser.videos import ALL_WORDS

if TYPE_CHECKING:
    from playwright.sync_api import Browser, WebSocketRoute


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


def test_before_the_first_answer_nothing_is_said_of_faces(visit: Visit) -> None:
    page = visit()
    held: list[str] = []

    def hold(socket: "WebSocketRoute") -> None:
        server = socket.connect_to_server()
        server.on_message(lambda text: held.append(str(text)) if '"result"' in str(text) else socket.send(text))

    page.route_web_socket("**/v1/stream", hold)
    page.get_by_role("button", name=OPEN_CAMERA).click()
    until(page, lambda: held, "an answer that the page does not get")
    expect(page.locator("#note")).to_contain_text("once there is a face")
    assert page.locator("#announcer").text_content() == ""
    assert "no face" not in page.evaluate(ALL_WORDS).lower()


def test_live_shows_what_the_model_reads(visit: Visit, server: Server) -> None:
    page = visit()
    wire = go_live(page)
    expect(page.locator("#emotion")).to_have_text("happy")
    assert list(shares(page)) == described(server)["labels"]
    assert sum(shares(page).values()) == pytest.approx(1, abs=0.01)
    for figure in ("#rate", "#delay"):
        expect(page.locator(figure)).to_have_text(re.compile(r"^\d+(\.\d)?$"))
    stages = set(wire.results()[0]["timing_ms"]) - {"total"}
    assert stages <= {text.split()[0] for text in page.locator("#legend li").all_text_contents()}
    expect(page.get_by_role("img", name="One face, happy")).to_be_visible()


def test_the_heatmap_switch_asks_the_server(visit: Visit) -> None:
    page = visit()
    wire = go_live(page)

    def explained() -> list[bool]:
        return [bool(face["explanations"]) for face in wire.results()[-1]["faces"]]

    until(page, lambda: explained() == [True], "a result with a heatmap")
    page.get_by_role("switch", name="Heatmap").click()
    until(page, lambda: explained() == [False], "a result without heatmap")
    updates = [command["explain"] for command in wire.commands if command["type"] == "session.update"]
    assert updates == ["gradcam", "none"]


def test_a_press_on_a_bar_asks_for_its_heatmap(visit: Visit) -> None:
    page = visit()
    wire = go_live(page)
    sad = page.get_by_role("button", name="Heatmap of sad")

    def explained() -> set[str]:
        return {one["target"] for face in wire.results()[-1]["faces"] for one in face["explanations"]}

    until(page, lambda: explained() == {"happy"}, "the top label's heatmap")
    sad.click()
    expect(sad).to_have_attribute("aria-pressed", "true")
    until(page, lambda: explained() == {"sad"}, "the heatmap of sad")
    expect(page.get_by_text("Heatmap of sad")).to_be_visible()
    sad.click()
    expect(sad).to_have_attribute("aria-pressed", "false")
    until(page, lambda: explained() == {"happy"}, "the top label's heatmap")


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
    page.evaluate("() => new Promise(requestAnimationFrame)")
    assert len(wire.frames) == sent


def test_a_chosen_face_is_followed(visit: Visit) -> None:
    page = visit()
    doubled(page)
    wire = go_live(page)
    faces = page.get_by_role("group", name="Faces in view").get_by_role("button")
    expect(faces).to_have_count(2)
    expect(page.locator("#emotion")).to_have_text("happy")
    faces.nth(1).press("Enter")
    results = len(wire.results())
    until(page, lambda: len(wire.results()) > results + 5, "five more results")
    expect(page.locator("#emotion")).to_have_text("sad")
    expect(faces.nth(1)).to_have_attribute("aria-pressed", "true")
    assert shares(page)["sad"] == 1
    faces.nth(0).press("Enter")
    expect(page.locator("#emotion")).to_have_text("happy")


def test_every_face_has_its_bars(visit: Visit, server: Server) -> None:
    page = visit()
    doubled(page)
    go_live(page)
    second = page.get_by_role("group", name="Faces in view").get_by_role("button").nth(1)
    columns = second.locator(".columns i")
    expect(columns).to_have_count(len(described(server)["labels"]))
    heights = columns.evaluate_all("all => all.map(one => Number(/[\\d.]+/.exec(one.style.transform)[0]))")
    assert dict(zip(described(server)["labels"], heights, strict=True))["sad"] == max(heights) == 1
    assert "sad 100" in (second.get_attribute("aria-description") or "")


def test_the_last_half_minute_is_drawn_told_and_saved(visit: Visit, server: Server) -> None:
    page = visit()
    wire = go_live(page)
    until(page, lambda: len(wire.results()) >= 8, "eight results")
    expect(page.locator("#curves-text")).to_contain_text(re.compile(r"Mean of \d+ s: happy \d"))
    count = """canvas => {
        const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        return data.filter((value, at) => at % 4 === 3 && value > 0).length;
    }"""
    curve = page.get_by_role("slider", name=re.compile(r"Face \d+ over time"))
    until(page, lambda: curve.locator("canvas").evaluate(count) > 100, "areas")
    expect(page.locator("#curves-rows .face canvas")).to_have_count(1)
    curve.press("ArrowLeft")
    expect(curve).to_have_attribute("aria-valuetext", re.compile(r"1 s ago: (happy \d+.%, |not in view)"))
    name, content = saved(page, "The last 30 seconds (JSON)")
    assert name == "last-30-s.json"
    moments = json.loads(content)
    assert all(set(moment) == {"index", "time_s", "faces"} for moment in moments)
    times = [moment["time_s"] for moment in moments]
    assert times[0] == 0
    assert times == sorted(times)
    name, content = saved(page, "The last 30 seconds (CSV)")
    assert name == "last-30-s.csv"
    rows = list(csv.DictReader(io.StringIO(content.decode())))
    assert rows
    assert [float(row["time_s"]) for row in rows] == sorted(float(row["time_s"]) for row in rows)
    for row in rows:
        assert sum(float(row[label]) for label in described(server)["labels"]) == pytest.approx(1, abs=1e-4)
