"""Run it in this browser: the same answers, and no pixel leaves the machine."""

import base64
import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from service import images
from service.detectors.haar import HaarDetector
from tests.browser import chromium
from tests.browser.acts import (
    LOCAL,
    OPEN_CAMERA,
    Wire,
    by_file,
    camera_frames,
    expect,
    go_live,
    pixels,
    saved,
    shares,
    until,
)
from tests.browser.chromium import Server, Visit
from tests.browser.local.reading import predicted, read_here, whole_faces

if TYPE_CHECKING:
    from playwright.sync_api import Page, Request

SAME = 1e-3


def test_both_ways_give_the_same_probabilities_and_heatmaps(reading_page: "Page", server: Server, photo: Path) -> None:
    for name, body in whole_faces(photo).items():
        [there] = predicted(server, body, "crop=whole&explain=gradcam&target=all")["faces"]
        [here] = read_here(reading_page, body, {"whole": True})["faces"]
        assert list(here["emotions"]) == list(there["emotions"])
        for label, share in there["emotions"].items():
            assert here["emotions"][label] == pytest.approx(share, abs=SAME), (name, label)
        assert here["prediction_set"] == there["prediction_set"], name
        assert {json.dumps(here["heatmaps"]["box"])} == {json.dumps(one["box"]) for one in there["explanations"]}
        if not name.startswith("grey"):
            continue  # every decoder makes a JPEG's colours a little different, and faint maps show it
        for explanation in there["explanations"]:
            encoded = np.frombuffer(base64.b64decode(explanation["data"]), np.uint8)
            theirs = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE), int)
            ours = np.array(here["heatmaps"]["emotions"][explanation["target"]]["map"]["data"]).reshape(theirs.shape)
            assert np.abs(ours - theirs).max() <= 3, (name, explanation["target"])


def test_both_ways_find_the_same_faces(reading_page: "Page", photo: Path) -> None:
    grey = images.decode(photo.read_bytes(), max_pixels=10**7).grey
    body = base64.b64encode(grey.tobytes()).decode()
    find = """async ([text, width, height, minFacePx]) => {
        const {detect} = await import("/static/local/cascade.js");
        const {readCascade} = await import("/static/local/cascade-file.js");
        window.cascade ??= readCascade(await (await fetch("/cascade.xml")).text());
        const {detector} = await (await fetch("/v1/model")).json();
        const data = Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
        return detect({data, width, height}, window.cascade, detector, {maxFaces: 10, leastShare: 0, minFacePx});
    }"""
    for smallest, count in {32: 1, 40: 2, 54: 1, 80: 1, 100: 0}.items():
        theirs = HaarDetector().detect(grey, max_faces=10, min_face_px=smallest)
        ours = reading_page.evaluate(find, [body, grey.shape[1], grey.shape[0], smallest])
        assert len(ours) == len(theirs) == count
        for one, other in zip(ours, theirs, strict=True):
            assert one["weight"] == pytest.approx(other.weight, abs=1e-5)
            assert one["box"] == asdict(other.box)


def test_both_say_from_which_size_on_they_looked(reading_page: "Page", server: Server, photo: Path) -> None:
    for smallest in (None, 1, 40):
        query = "" if smallest is None else f"min_face_px={smallest}"
        theirs = predicted(server, photo.read_bytes(), query)["searched_from_px"]
        options = {} if smallest is None else {"minFacePx": smallest}
        assert read_here(reading_page, photo.read_bytes(), options)["searched_from_px"] == theirs


def test_no_pixel_leaves_the_machine(visit: Visit, photo: Path, video: Path) -> None:
    page = visit()
    page.emulate_media(reduced_motion="reduce")
    requests: list[Request] = []
    page.on("request", lambda request: requests.append(request))
    wire = Wire(page)
    page.get_by_role("switch", name=LOCAL).click()
    expect(page.locator("#consent")).to_contain_text("stay on this machine")
    page.get_by_role("button", name=OPEN_CAMERA).click()
    expect(page.locator("#emotion")).to_have_text("happy")
    page.get_by_role("button", name="Stop").click()
    by_file(page, photo)
    expect(page.locator("#emotion")).to_have_text("happy")
    # Nothing speaks of a network where there is none.
    expect(page.locator("#legend")).to_contain_text("page")
    assert "network" not in page.locator("body").inner_text()
    page.get_by_role("button", name="Back").click()
    expect(page.locator("#law")).to_be_visible()
    # Who agrees hears both duties with the button: where it is forbidden, and whom to tell elsewhere.
    duties = r"at work and in education .*\(Article 5\)\. .*tell the people in view \(Article 50\(3\)\)\."
    expect(page.get_by_role("button", name=OPEN_CAMERA)).to_have_accessible_description(re.compile(duties))
    by_file(page, video)
    expect(page.locator("#video-state")).to_contain_text("frames of 0:02 read")
    expect(page.locator("#emotion")).to_have_text("happy")
    # What the worker asks for is seen here, too.
    assert any(request.url.endswith("/v1/model/file") for request in requests)
    assert {request.method for request in requests} == {"GET"}
    assert [request.url for request in requests if request.post_data_buffer] == []
    assert wire.frames == []
    assert wire.commands == []


def test_switching_reads_again_the_other_way(visit: Visit, photo: Path) -> None:
    page = visit()
    by_file(page, photo)
    expect(page.locator("#emotion")).to_have_text("happy")
    there = shares(page)
    page.get_by_role("switch", name=LOCAL).click()
    expect(page.locator("#waiting")).to_be_hidden()
    expect(page.locator("#emotion")).to_have_text("happy")
    here = shares(page)
    assert here == pytest.approx(there, abs=0.03)  # the box may differ by a pixel
    plain = pixels(page)
    page.get_by_role("button", name="Heatmap of sad").click()
    expect(page.locator("#heat-target")).to_have_text("of sad")
    until(page, lambda: bool((pixels(page) != plain).any()), "another heatmap")
    assert "heatmaps" not in json.loads(saved(page, "This reading (JSON)")[1])["faces"][0]


def test_live_goes_on_over_the_switch(visit: Visit) -> None:
    page = visit()
    wire = go_live(page)
    switch = page.get_by_role("switch", name=LOCAL)
    switch.click()
    expect(page.locator("#confidence")).not_to_be_empty()
    expect(switch).to_be_focused()
    sent = len(wire.frames)
    camera_frames(page, 10)
    assert len(wire.frames) == sent


def test_a_browser_that_cannot_run_it_says_so(visit: Visit, photo: Path) -> None:
    page = visit(news=True)
    page.route("**/v1/model/file", lambda route: route.fulfill(status=503, body=""))
    page.get_by_role("switch", name=LOCAL).click()
    by_file(page, photo)
    expect(page.get_by_role("alert")).to_contain_text("This browser could not run the model")
    page.unroute("**/v1/model/file")
    by_file(page, photo)
    expect(page.locator("#emotion")).to_have_text("happy")


def test_without_the_runtime_there_is_no_switch(visit: Visit) -> None:
    page = visit("const ask = window.fetch; window.fetch = (url, ...more) => String(url).endsWith('page.json') ? "
                 "Promise.resolve(Response.json({runtime: null})) : ask(url, ...more);")  # fmt: skip
    expect(page.locator("#model-version")).to_be_visible()
    expect(page.get_by_role("switch", name=LOCAL)).to_be_hidden()


def test_a_video_that_does_not_say_how_long_it_is_is_read_to_its_end(visit: Visit, video: Path, tmp_path: Path) -> None:
    page = visit()
    page.emulate_media(reduced_motion="reduce")
    page.get_by_role("switch", name=LOCAL).click()
    by_file(page, chromium.without_duration(video, tmp_path / "recording.webm"))
    expect(page.locator("#video-state")).to_contain_text("10 frames of 0:01 read")
    expect(page.locator("#emotion")).to_have_text("happy")
    expect(page.get_by_role("slider", name="Time in the video")).to_have_attribute("aria-valuetext", "0:00 / 0:01")
