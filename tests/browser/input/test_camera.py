"""The camera: why it does not open, the one that is chosen, and the mirror."""

from typing import TYPE_CHECKING

import numpy as np

from tests.browser.acts import (
    OPEN_CAMERA,
    SPY,
    Wire,
    alert,
    expect,
    go_live,
    pixels,
    until,
)
from tests.browser.chromium import INSECURE_HOST, Server, Visit

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


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


def test_mirrored_or_not_is_a_choice(visit: Visit) -> None:
    page = visit()
    go_live(page)
    mirror = page.get_by_role("switch", name="Mirror")
    expect(mirror).to_be_checked()
    expect(page.locator("#camera")).to_have_class("mirrored")
    before = face_side(page)
    mirror.click()
    expect(page.locator("#camera")).not_to_have_class("mirrored")
    until(page, lambda: np.sign(face_side(page)) == -np.sign(before), "the face on the other side")


def face_side(page: "Page") -> float:
    """Where the box's corners are painted: below 0 left of the middle, above 0 right of it."""
    view = page.locator("#view")
    width = int(view.evaluate("view => view.width"))
    accent = (np.abs(pixels(page)[:, :3].astype(int) - (0x5F, 0xE3, 0xCF)).max(axis=1) < 6).reshape(-1, width)
    return float(np.nonzero(accent)[1].mean() - width / 2)


def test_another_camera_can_be_chosen(visit: Visit, two_cameras: "Browser") -> None:
    page = visit(SPY, browser=two_cameras)
    Wire(page)
    page.get_by_role("button", name=OPEN_CAMERA).click()
    cameras = page.get_by_role("combobox", name="Camera")
    expect(cameras.locator("option")).to_have_count(2)
    used = "spy.tracks.at(-1).getSettings().deviceId"
    first = page.evaluate(used)
    assert cameras.input_value() == first
    other = next(
        value for value in cameras.locator("option").evaluate_all("all => all.map(one => one.value)") if value != first
    )
    cameras.select_option(other)
    until(page, lambda: page.evaluate(used) == other, "the other camera")
    assert page.evaluate("spy.tracks[0].readyState") == "ended"
    expect(cameras).to_have_value(other)
    # Kept for the session: the next visit in this tab begins with it.
    page.reload()
    page.get_by_role("button", name=OPEN_CAMERA).click()
    expect(cameras).to_have_value(other)
