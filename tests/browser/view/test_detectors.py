"""The choice between the service's detectors, and what is offered where no face was found."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import cv2
import numpy as np
import pytest

from tests.browser.acts import (
    LOCAL,
    alert,
    by_file,
    described,
    expect,
    go_live,
    until,
)
from tests.browser.axe import AXE, serious_faults
from tests.browser.chromium import ROOT, Server, Visit
from tests.browser.videos import fake

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

SMALLER = "Look for smaller faces"


@pytest.fixture
def both(server: Server) -> None:
    if len(described(server)["detectors"]) < 2:
        pytest.skip("needs the file of the detector CenterFace (make test installs it)")


@pytest.fixture
def small_face(photo: Path, tmp_path: Path) -> Path:
    """A face of 53 pixels in 1,000 x 1,000 pixels of grey: Haar looks for 63 by default, CenterFace for 50."""
    portrait = cv2.imread(str(photo))
    assert portrait is not None
    small = cv2.resize(portrait[:256], None, fx=0.53, fy=0.53, interpolation=cv2.INTER_AREA)  # its face has 100 pixels
    picture = np.full((1000, 1000, 3), 128, np.uint8)
    picture[300 : 300 + small.shape[0], 300 : 300 + small.shape[1]] = small
    path = tmp_path / "small.png"
    cv2.imwrite(str(path), picture)
    return path


def choice(page: "Page") -> Any:
    return page.get_by_label("Detector")


def offers(page: "Page") -> list[str]:
    return list(page.locator("#empty").get_by_role("button").all_text_contents())


def predictions(page: "Page") -> Callable[[Callable[[], Any]], tuple[dict[str, str], dict[str, Any]]]:
    """A function that acts, and returns with what options the page then asks, and the service's answer."""
    kept: list[tuple[dict[str, str], dict[str, Any]]] = []

    def keep(route: "Route") -> None:
        answer = route.fetch()
        query = parse_qs(urlsplit(route.request.url).query)
        kept.append(({name: values[0] for name, values in query.items()}, answer.json()))
        route.fulfill(response=answer)

    def after(act: Callable[[], Any]) -> tuple[dict[str, str], dict[str, Any]]:
        kept.clear()
        act()
        until(page, lambda: kept, "an answer to a picture")
        return kept[-1]

    page.route("**/v1/predict?*", keep)
    return after


@pytest.mark.usefixtures("both")
def test_the_choice_says_what_each_detector_is_good_at(visit: Visit) -> None:
    page = visit(width=360)
    expect(choice(page)).to_have_value("haar")
    assert choice(page).locator("option").all_text_contents() == [
        "Haar: upright frontal faces",
        "CenterFace: also tilted and small faces, faster",
    ]
    choice(page).select_option("centerface")
    box = choice(page).bounding_box()
    assert box is not None
    assert box["x"] + box["width"] <= 360 - box["x"]


@pytest.mark.usefixtures("both")
def test_a_picture_is_read_again_with_the_chosen_detector(visit: Visit, photo: Path) -> None:
    page = visit()
    answer_after = predictions(page)
    expect(choice(page)).to_be_visible()
    asked, _ = answer_after(lambda: by_file(page, photo))
    assert asked["detector"] == "haar"
    expect(page.locator("#emotion")).to_have_text("happy")
    choice(page).focus()
    asked, answer = answer_after(lambda: page.keyboard.press("ArrowDown"))
    assert asked["detector"] == "centerface"
    assert answer["faces"][0]["detection"]["detector"] == "centerface"
    expect(page.locator("#emotion")).to_have_text("happy")
    expect(choice(page)).to_be_focused()
    page.reload()
    expect(choice(page)).to_have_value("haar")


@pytest.mark.usefixtures("both")
def test_a_video_is_read_again_with_the_chosen_detector(visit: Visit, video: Path) -> None:
    page = visit()
    expect(choice(page)).to_be_visible()
    fake(page, video)
    expect(page.locator("#video-state")).to_contain_text("frames of")
    with page.expect_request("**/v1/predict/video?*") as request:
        choice(page).select_option("centerface")
    assert request.value.url.endswith("?detector=centerface")
    expect(page.locator("#video-state")).to_contain_text("frames of")


@pytest.mark.usefixtures("both")
def test_a_live_session_goes_on_with_the_chosen_detector(visit: Visit) -> None:
    page = visit()
    expect(choice(page)).to_be_visible()
    wire = go_live(page)
    choice(page).select_option("centerface")

    def by_centerface() -> bool:
        faces = wire.results()[-1]["faces"]
        return bool(faces) and faces[0]["detection"]["detector"] == "centerface"

    until(page, by_centerface, "a face found by CenterFace")
    assert wire.commands[-1] == {"type": "session.update", "detector": "centerface"}
    assert wire.closed == 0


@pytest.mark.usefixtures("both")
def test_the_browser_itself_reads_with_the_chosen_detector(visit: Visit, photo: Path) -> None:
    if not (ROOT / "service" / "web" / "vendor" / "ort.wasm.bundle.min.mjs").exists():
        pytest.skip("needs ONNX Runtime for browsers (make web, which needs npm)")
    page = visit(news=True)
    expect(choice(page)).to_be_visible()
    page.get_by_role("switch", name=LOCAL).click()
    page.route("**/centerface.onnx", lambda route: route.fulfill(status=503, body=""))
    by_file(page, photo)
    page.locator("#details > summary").click()
    expect(page.locator("#raw-text")).to_contain_text('"haar_frontalface_default"')
    # Without its file CenterFace cannot serve; Haar goes on.
    choice(page).select_option("centerface")
    expect(alert(page)).to_contain_text("This browser could not run the model")
    expect(alert(page)).to_contain_text("centerface.onnx")
    choice(page).select_option("haar")
    expect(alert(page)).to_be_hidden()
    page.unroute("**/centerface.onnx")
    choice(page).select_option("centerface")
    expect(page.locator("#raw-text")).to_contain_text('"detector": "centerface"')
    expect(page.locator("#emotion")).to_have_text("happy")
    page.get_by_role("button", name="Back").click()
    wire = go_live(page)
    until(page, lambda: '"detector": "centerface"' in (page.locator("#raw-text").text_content() or ""), "a live face")
    choice(page).select_option("haar")
    until(page, lambda: '"haar_front' in (page.locator("#raw-text").text_content() or ""), "a face found by Haar")
    assert (wire.frames, wire.commands) == ([], [])


def test_a_detector_that_the_server_lacks_cannot_be_chosen(visit: Visit, server: Server, small_face: Path) -> None:
    page = visit()
    model = described(server)
    page.route("**/v1/model", lambda route: route.fulfill(json={**model, "detectors": [model["detector"]]}))
    page.reload()
    by_file(page, small_face)
    expect(page.get_by_role("button", name=SMALLER)).to_be_visible()
    assert offers(page) == [SMALLER]
    expect(choice(page)).to_have_value("haar")
    missing = choice(page).locator("option", has_text="CenterFace")
    expect(missing).to_have_text("CenterFace: its file is not on this server")
    assert missing.is_disabled()


@pytest.mark.usefixtures("both")
def test_a_small_face_is_found_by_looking_for_smaller_ones(visit: Visit, small_face: Path) -> None:
    page = visit()
    answer_after = predictions(page)
    expect(choice(page)).to_be_visible()
    by_file(page, small_face)
    expect(page.get_by_text("No face of 63 pixels or more was found in this picture.")).to_be_visible()
    assert offers(page) == [SMALLER, "Try CenterFace"]
    asked, answer = answer_after(page.get_by_role("button", name=SMALLER).click)
    assert (asked["min_face_px"], asked["detector"]) == ("31", "haar")
    assert len(answer["faces"]) == 1
    expect(page.get_by_role("img", name="One face")).to_be_visible()
    expect(page.locator("#empty")).to_be_hidden()


@pytest.mark.usefixtures("both")
def test_a_small_face_is_found_by_the_other_detector(visit: Visit, small_face: Path) -> None:
    page = visit()
    answer_after = predictions(page)
    expect(choice(page)).to_be_visible()
    answer_after(lambda: by_file(page, small_face))
    asked, answer = answer_after(page.get_by_role("button", name="Try CenterFace").click)
    assert asked["detector"] == "centerface"
    assert answer["faces"][0]["detection"]["detector"] == "centerface"
    expect(page.get_by_role("img", name="One face")).to_be_visible()
    expect(choice(page)).to_have_value("centerface")


@pytest.mark.usefixtures("both")
def test_nothing_is_offered_that_the_service_would_not_do(visit: Visit, tmp_path: Path) -> None:
    page = visit(AXE.read_text() if AXE.exists() else "", width=360)
    page.emulate_media(reduced_motion="reduce")
    expect(choice(page)).to_be_visible()
    empty = tmp_path / "empty.png"
    cv2.imwrite(str(empty), np.full((1000, 1000, 3), 128, np.uint8))
    by_file(page, empty)
    for searched_from_px in (63, 31):
        expect(page.get_by_text(f"No face of {searched_from_px} pixels or more")).to_be_visible()
        page.get_by_role("button", name=SMALLER).click()
    expect(page.get_by_text("No face of 24 pixels or more was found in this picture.")).to_be_visible()  # Haar's window
    assert offers(page) == ["Try CenterFace"]
    page.get_by_role("button", name="Try CenterFace").click()
    expect(page.get_by_role("button", name="Try Haar")).to_be_visible()
    page.get_by_role("button", name=SMALLER).click()
    expect(
        page.get_by_text("No face of 21 pixels or more was found in this picture.")
    ).to_be_visible()  # the limit of all detectors
    assert offers(page) == ["Try Haar"]
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    if AXE.exists():
        assert serious_faults(page) == []
