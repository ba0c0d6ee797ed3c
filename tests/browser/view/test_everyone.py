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
from tests.browser.videos import a_video, fake

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

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


def tab_to(page: "Page", target: "Locator", key: str = "Tab") -> None:
    for _ in range(20):
        page.keyboard.press(key)
        if target.evaluate("one => one === document.activeElement"):
            break
    expect(target).to_be_focused()


def choose_by_keyboard(page: "Page", *files: Path) -> None:
    # Chromium is told in good time to hand its dialog over: what opens before that is closed unseen.
    with page.expect_file_chooser() as chooser:
        tab_to(page, page.get_by_role("button", name="Choose pictures or a video"))
        page.keyboard.press("Enter")
    chooser.value.set_files(files)


def save_by_keyboard(page: "Page", words: str, key: str = "Tab") -> str:
    """The name of the file; the focus is where it was before the menu opened."""
    button = page.locator("#save summary")
    tab_to(page, button, key)
    page.keyboard.press("Enter")
    first = page.locator("#save-list").get_by_role("button").first
    expect(first).to_be_visible()
    page.keyboard.press("Tab")
    expect(first).to_be_focused()
    page.keyboard.press("Escape")
    expect(first).to_be_hidden()
    expect(button).to_be_focused()
    page.keyboard.press("Enter")
    expect(first).to_be_visible()
    tab_to(page, page.locator("#save-list").get_by_role("button", name=words))
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    expect(button).to_be_focused()
    return download.value.suggested_filename


def test_the_keyboard_is_enough_for_several_pictures(visit: Visit, photo: Path) -> None:
    page = visit()
    choose_by_keyboard(page, photo, photo)
    expect(page.locator("#grid-note")).to_have_text("in 2 pictures")
    back = page.get_by_role("button", name="Back")
    expect(back).to_be_focused()
    tile = page.get_by_role("region", name="Pictures").get_by_role("button").last
    tab_to(page, tile)
    page.keyboard.press("Enter")
    expect(page.locator("#emotion")).to_have_text("happy")
    expect(back).to_be_focused()
    page.keyboard.press("Enter")
    expect(tile).to_be_focused()
    assert save_by_keyboard(page, "All readings (JSON)", "Shift+Tab") == "pictures.json"


def test_the_keyboard_is_enough_for_a_video(visit: Visit, video: Path) -> None:
    page = visit()
    page.emulate_media(reduced_motion="reduce")  # it waits to be started
    page.route("**/v1/predict/video*", lambda route: route.fulfill(content_type="application/x-ndjson", body=a_video()))
    choose_by_keyboard(page, video)
    expect(page.locator("#video-state")).to_contain_text("of 0:02 read")
    expect(page.get_by_role("button", name="Play")).to_be_focused()
    page.keyboard.press("Space")
    expect(page.locator("#caption")).to_have_text("face 1: happy")
    expect(page.get_by_role("button", name="Play")).to_be_focused()  # at its end
    tab_to(page, page.get_by_role("slider", name="Time in the video"))
    page.keyboard.press("Home")
    expect(page.locator("#emotion")).to_have_text("neutral")
    assert save_by_keyboard(page, "captions (WebVTT)") == "video.vtt"
    # A row of the curves: arrow keys read it, Enter goes there.
    curve = page.get_by_role("slider", name="Face 1 over time")
    tab_to(page, curve)
    page.keyboard.press("ArrowRight")
    expect(curve).to_have_attribute("aria-valuetext", re.compile("^0:00.*: neutral 90.%, "))
    expect(page.locator("#curves-at")).to_contain_text("Face 1, 0:00")
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    expect(curve).to_have_attribute("aria-valuetext", re.compile("^0:02: happy 90.%, "))
    page.keyboard.press("Enter")
    expect(page.locator("#emotion")).to_have_text("happy")
    page.keyboard.press("Escape")
    expect(page.locator("#curves-at")).to_be_empty()


def test_the_keyboard_is_enough(visit: Visit) -> None:
    page = visit()
    start = page.get_by_role("button", name=OPEN_CAMERA)
    tab_to(page, start)
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
