"""Pictures: by file, drop and paste; what is shown of them, and what is said when one cannot be read."""

import base64
import io
import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import httpx2
import numpy as np
import pytest
from PIL import Image

from tests.browser.acts import (
    DROP,
    LOCAL,
    OPEN_CAMERA,
    alert,
    by_drop,
    by_event,
    by_file,
    by_paste,
    choose,
    expect,
    pixels,
    shares,
    until,
)
from tests.browser.chromium import Server, Visit
from tests.service.conftest import METADATA, brightness_network

if TYPE_CHECKING:
    from playwright.sync_api import Page


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


# Notes every angle, in radians, by which something is painted turned.
NOTE_TURNS = """
  window.turns = [];
  const { rotate } = CanvasRenderingContext2D.prototype;
  CanvasRenderingContext2D.prototype.rotate = function (angle) { window.turns.push(angle); rotate.call(this, angle); };
"""


def test_the_heatmap_of_a_tilted_face_is_turned_as_the_face_is(
    visit: Visit, photo: Path, model: Path, tmp_path: Path
) -> None:
    upright = cv2.imread(str(photo))
    assert upright is not None
    turn = cv2.getRotationMatrix2D((225, 115), 25, 1)
    tilted = tmp_path / "tilted.jpg"
    cv2.imwrite(str(tilted), cv2.warpAffine(upright, turn, (512, 512), borderMode=cv2.BORDER_REPLICATE))
    server = Server(model, tmp_path / "log", FER_DETECTOR="centerface")
    server.start()
    try:
        answer = httpx2.post(
            f"{server.url()}/v1/predict", content=tilted.read_bytes(), params={"explain": "gradcam"}
        ).json()
        (face,) = answer["faces"]
        if face["detection"]["detector"] != "centerface":
            pytest.skip("needs the file of the detector CenterFace (make test installs it)")
        degrees = face["explanations"][0]["degrees"]
        assert abs(degrees) > 10
        page = visit(script=NOTE_TURNS, url=server.url())
        by_file(page, tilted)
        expect(page.locator("#emotion")).to_have_text(face["emotion"])
        turns = page.evaluate("window.turns")
        assert turns
        # The view turns the heatmap as the face is; "What it looks at" turns the face back, for each label.
        tilt = math.radians(degrees)
        assert {round(turn / tilt, 6) for turn in turns} == {1.0, -1.0}
        page.close()
    finally:
        server.stop()


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


def test_samples_are_one_click_away(visit: Visit) -> None:
    page = visit()
    samples = page.get_by_role("region", name="No camera at hand?").get_by_role("button")
    expect(samples).to_have_count(7)
    # The service names each type: a file without one would be taken for a picture.
    samples.filter(has_text="Video").press("Enter")
    expect(page.locator("#video-state")).to_contain_text(re.compile("of 0:10"))
    page.get_by_role("button", name="Back").click()
    samples.filter(has_text="portrait").click()
    expect(page.locator("#emotion")).to_have_text("happy")
    expect(samples.first).to_be_hidden()


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


def test_each_label_has_its_heatmap_without_asking_again(visit: Visit, photo: Path) -> None:
    page = visit()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "predict" in request.url else None)
    by_file(page, photo)
    expect(page.locator("#emotion")).to_have_text("happy")
    page.get_by_role("button", name="Heatmap of happy").click()
    happy = pixels(page)
    page.get_by_role("button", name="Heatmap of sad").click()
    expect(page.locator("#heat-target")).to_have_text("of sad")
    until(page, lambda: 0.001 < (pixels(page) != happy).any(axis=1).mean() < 0.05, "another heatmap on the face")
    page.get_by_role("button", name="Heatmap of happy").click()
    until(page, lambda: np.array_equal(pixels(page), happy), "the first heatmap again")
    assert len(asked) == 1


def test_a_picture_given_before_all_is_known_is_read_once(visit: Visit, photo: Path) -> None:
    held = """const ask = window.fetch, known = new Promise((resolve) => (window.know = resolve));
        window.fetch = async (url, ...more) => {
            if (!String(url).endsWith("page.json")) return ask(url, ...more);
            await known;
            return new Response('{"runtime": "static/runtime.js"}', {headers: {"Content-Type": "application/json"}});
        };"""
    page = visit(held)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "predict" in request.url else None)
    by_file(page, photo)
    expect(page.locator("#emotion")).to_have_text("happy")
    page.evaluate("() => window.know()")
    expect(page.get_by_role("switch", name=LOCAL)).to_be_visible()
    page.evaluate("() => new Promise(requestAnimationFrame)")  # what the switch started would have been asked by now
    assert len(asked) == 1
    expect(page.locator("#emotion")).to_have_text("happy")


def test_a_bad_file_is_explained_and_the_page_goes_on(visit: Visit, photo: Path) -> None:
    page = visit(news=True)
    for body, message in {
        b"this is no picture": "text; send one of",
        b"": "The body is empty",
        photo.read_bytes()[:20_000]: "damaged or cut short",
    }.items():
        choose(page, "photo.jpg", body)
        expect(alert(page)).to_contain_text(message)
    by_file(page, photo)
    expect(page.locator("#emotion")).to_have_text("happy")
    expect(alert(page)).to_be_hidden()


def as_avif(photo: Path) -> bytes:
    file = io.BytesIO()
    Image.open(photo).save(file, "AVIF", quality=60, speed=10)
    return file.getvalue()


def test_what_phones_make_is_opened_and_shrunk_here(visit: Visit, photo: Path) -> None:
    upright = cv2.imread(str(photo))
    assert upright is not None
    # 48 megapixels of little detail, which are opened quickly.
    large = cv2.resize(upright[:384], (8064, 6048), interpolation=cv2.INTER_NEAREST)
    page = visit()
    page.wait_for_load_state("networkidle")
    # Larger than the service takes; and kinds that it does not take.
    for name, body, media_type, size in (
        ("large.jpg", cv2.imencode(".jpg", large)[1].tobytes(), "image/jpeg", (4096, 3072)),
        ("kind.bmp", cv2.imencode(".bmp", upright)[1].tobytes(), "image/bmp", (512, 512)),
        ("kind.avif", as_avif(photo), "image/avif", (512, 512)),
    ):
        with page.expect_response("**/v1/predict*") as answer:
            choose(page, name, body, media_type)
        assert tuple(answer.value.json()["image"].values()) == size
        expect(page.locator("#emotion")).to_have_text("happy")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "predict" in request.url else None)
    # What nobody can open leaves the picture before where it is, and asks nobody.
    choose(page, "IMG_1.HEIC", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "image/heic")
    expect(alert(page)).to_contain_text("Most Compatible")
    expect(page.locator("#emotion")).to_have_text("happy")
    assert asked == []


def test_a_file_over_the_limit_stays_here(visit: Visit) -> None:
    page = visit()
    page.wait_for_load_state("networkidle")
    by_event(page, "new Uint8Array(11 * 2 ** 20)", DROP)
    expect(alert(page)).to_contain_text("11.0 MB; this server takes 10.0 MB")


def test_no_face_is_an_answer(visit: Visit) -> None:
    page = visit()
    draw = """() => {
        const canvas = Object.assign(document.createElement("canvas"), {width: 200, height: 100});
        return canvas.toDataURL("image/png").split(",")[1];
    }"""
    choose(page, "empty.png", base64.b64decode(page.evaluate(draw)), "image/png")
    expect(page.get_by_text("No face of 24 pixels or more was found in this picture.")).to_be_visible()
    expect(page.get_by_role("button", name="Look for smaller faces")).to_be_hidden()  # Haar's window has 24 pixels
    expect(page.locator("#note")).to_contain_text("Faces that are small")


def test_words_of_the_server_are_text(visit: Visit, photo: Path) -> None:
    page = visit(news=True)
    markup = "<img src=x onerror=document.title='bad'>"
    page.route("**/v1/predict*", lambda route: route.fulfill(status=422, json={"title": markup, "detail": markup}))
    by_file(page, photo)
    expect(alert(page)).to_contain_text(markup)
    assert alert(page).locator("img").count() == 0
    expect(page).to_have_title("Facial expression recognition")
