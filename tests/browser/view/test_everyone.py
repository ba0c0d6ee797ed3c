"""For everyone: phones, the keyboard alone, and what axe finds in each state, light and dark."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest

from tests.browser.acts import (
    OPEN_CAMERA,
    alert,
    by_file,
    choose,
    expect,
    go_live,
)
from tests.browser.axe import AXE, serious_faults
from tests.browser.chromium import Visit
from tests.browser.videos import fake

if TYPE_CHECKING:
    from playwright.sync_api import Page

# Each scheme and each width once: colours belong to the scheme, the layout to the width.
VIEWS: tuple[tuple[Literal["light", "dark"], int], ...] = (("light", 1200), ("dark", 360))


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
    page.locator("#save summary").click()
    expect(page.locator("#save").get_by_role("button").first).to_be_visible()
    assert width() == 360
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Model").click()
    assert page.get_by_role("dialog").evaluate("dialog => dialog.scrollWidth <= dialog.clientWidth")


def test_the_headline_stays_in_view_on_a_phone(visit: Visit, photo: Path) -> None:
    page = visit(AXE.read_text() if AXE.exists() else "", width=360)
    pinned = page.locator("#pinned")
    by_file(page, photo)
    expect(page.locator("#confidence")).not_to_be_empty()
    expect(pinned).to_be_hidden()
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    expect(pinned).to_be_in_viewport()
    expect(pinned).to_have_text(re.compile(r"happy\d+.%"))
    if AXE.exists():
        assert serious_faults(page) == []
    page.set_viewport_size({"width": 1200, "height": 800})  # beside the view it is in sight
    expect(pinned).to_be_hidden()
    page.set_viewport_size({"width": 360, "height": 800})
    page.evaluate("scrollTo(0, 0)")
    expect(pinned).to_be_hidden()


def test_on_a_phone_what_was_read_is_in_view(visit: Visit, photo: Path) -> None:
    """However far down one was when one asked for it."""
    page = visit(width=360, news=True)
    view = page.locator("#stage")
    offer = page.get_by_role("button", name="Look for smaller faces")
    samples = page.locator("#samples")
    samples.get_by_role("button", name="Far away").click()
    expect(offer).to_be_in_viewport(ratio=1)
    expect(view).to_be_in_viewport(ratio=1)
    # A label of "What it looks at".
    page.emulate_media(reduced_motion="reduce")
    page.get_by_role("button", name="Back").click()
    samples.get_by_role("button", name="A portrait").click()
    expect(view).to_be_in_viewport(ratio=1)
    label = page.get_by_role("region", name="What it looks at").get_by_role("button", name="sad")
    label.scroll_into_view_if_needed()
    expect(view).not_to_be_in_viewport()
    label.click()
    expect(page.locator("#heat-target")).to_have_text("of sad")
    expect(view).to_be_in_viewport(ratio=1)
    # A picture of several, and a message.
    picture: Any = {"name": "photo.jpg", "mimeType": "image/jpeg", "buffer": photo.read_bytes()}
    page.locator("#file").set_input_files([picture, picture])
    expect(page.locator("#grid-note")).to_have_text("in 2 pictures")
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    page.locator("#grid-list button").last.evaluate("tile => tile.click()")
    expect(page.locator("#confidence")).not_to_be_empty()
    expect(view).to_be_in_viewport(ratio=1)
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    choose(page, "clip.webm", b"this is no video", "video/webm")
    expect(alert(page)).to_be_in_viewport(ratio=1)


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


def idle(page: "Page", photo: Path, video: Path) -> None:
    expect(page.get_by_role("button", name=OPEN_CAMERA)).to_be_visible()


def live(page: "Page", photo: Path, video: Path) -> None:
    go_live(page)


def picture(page: "Page", photo: Path, video: Path) -> None:
    by_file(page, photo)
    expect(page.locator("#confidence")).not_to_be_empty()
    page.locator("#details > summary").click()
    page.locator("#save summary").click()


def in_video(page: "Page", photo: Path, video: Path) -> None:
    fake(page, video)
    expect(page.locator("#video-state")).to_contain_text("frames of")


def several(page: "Page", photo: Path, video: Path) -> None:
    page.locator("#file").set_input_files([photo, photo])
    expect(page.locator("#grid-note")).to_have_text("in 2 pictures")
    assert page.evaluate("document.documentElement.scrollWidth") <= page.evaluate("innerWidth")


def about(page: "Page", photo: Path, video: Path) -> None:
    page.get_by_role("button", name="Model").click()
    expect(page.get_by_role("dialog")).to_be_visible()


def trouble(page: "Page", photo: Path, video: Path) -> None:
    fail = "async () => { throw new DOMException('', 'NotFoundError'); }"
    page.evaluate(f"() => {{ navigator.mediaDevices.getUserMedia = {fail}; }}")
    page.get_by_role("button", name=OPEN_CAMERA).click()
    expect(page.get_by_role("alert")).to_be_visible()


def docs(page: "Page", photo: Path, video: Path) -> None:
    page.goto(f"{page.url}docs")
    page.locator("#operations-predict-predict .opblock-summary-control").click()
    page.get_by_role("button", name="Execute").click()
    expect(page.locator(".live-responses-table")).to_be_visible()


def stream(page: "Page", photo: Path, video: Path) -> None:
    page.goto(f"{page.url}stream")
    expect(page.get_by_role("heading", level=1)).to_be_visible()


@pytest.mark.parametrize("state", [idle, live, picture, several, in_video, about, trouble, docs, stream])
def test_axe_finds_nothing_serious(
    visit: Visit, photo: Path, video: Path, state: Callable[["Page", Path, Path], None]
) -> None:
    if not AXE.exists():
        pytest.skip("needs axe-core (make web, which needs npm)")
    page = visit(AXE.read_text())
    page.emulate_media(reduced_motion="reduce")  # movement would leave colours half way
    state(page, photo, video)
    for scheme, width in VIEWS:
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.set_viewport_size({"width": width, "height": 800})
        assert serious_faults(page) == [], (scheme, width)
