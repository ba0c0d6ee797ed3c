"""Run it in this browser: the same answers, and no pixel leaves the machine."""

import base64
import json
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from service import images
from service.detectors.haar import HaarDetector
from tests.browser.acts import LOCAL, OPEN_CAMERA, Wire, by_file, expect, go_live, pixels, saved, shares
from tests.browser.chromium import ROOT, Server
from tests.browser.conftest import Visit

if TYPE_CHECKING:
    from playwright.sync_api import Page, Request

SAME = 1e-3


@pytest.fixture(scope="module", autouse=True)
def runtime() -> None:
    if not (ROOT / "service" / "web" / "vendor" / "ort.wasm.bundle.min.mjs").exists():
        pytest.skip("needs ONNX Runtime for browsers (make web, which needs npm)")


def predicted(server: Server, body: bytes, query: str) -> dict[str, Any]:
    request = urllib.request.Request(f"{server.url()}/v1/predict?{query}", body)  # noqa: S310 (our own address)
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        return dict(json.load(answer))


def png(picture: NDArray[Any]) -> bytes:
    return cv2.imencode(".png", picture)[1].tobytes()


def jpeg(picture: NDArray[Any]) -> bytes:
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()


def whole_faces(photo: Path) -> dict[str, bytes]:
    """Files that are a face and nothing else: the network's own size, smaller, larger, not square; grey and colour."""
    colour = cv2.imread(str(photo))
    assert colour is not None
    face = colour[65:165, 175:275]
    grey = cv2.cvtColor(face, cv2.COLOR_BGR2GRAY)

    def sized(picture: Any, width: int, height: int) -> Any:
        return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)

    return {
        "grey 48": png(sized(grey, 48, 48)),
        "grey 96": png(sized(grey, 96, 96)),
        "grey 37": png(sized(grey, 37, 37)),
        "grey 61 x 90": png(sized(grey, 61, 90)),
        "colour 100, PNG": png(face),
        "colour 100, JPEG": jpeg(face),
        "colour 288, JPEG": jpeg(cv2.resize(face, (288, 288))),
    }


def read_here(page: "Page", body: bytes, options: dict[str, Any]) -> dict[str, Any]:
    """A file through the page's own modules, heatmaps as lists."""
    read = """async ([text, options]) => {
        const {LocalReader} = await import("/static/local/reader.js");
        const {openPicture, pixelsOf} = await import("/static/input/picture.js");
        const bytes = Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
        const asked = ["/v1/model", "/page.json"].map(async (path) => (await fetch(path)).json());
        const [model, {runtime}] = await Promise.all(asked);
        window.reader ??= new LocalReader(runtime, model);
        const result = await window.reader.read(pixelsOf(await openPicture(new Blob([bytes]))), options);
        return JSON.parse(JSON.stringify(result, (_, value) => (value instanceof Uint8Array ? [...value] : value)));
    }"""
    return dict(page.evaluate(read, [base64.b64encode(body).decode(), options]))


def test_both_ways_give_the_same_probabilities_and_heatmaps(visit: Visit, server: Server, photo: Path) -> None:
    page = visit()
    for name, body in whole_faces(photo).items():
        [there] = predicted(server, body, "crop=whole&explain=gradcam&target=all")["faces"]
        [here] = read_here(page, body, {"whole": True})["faces"]
        assert list(here["emotions"]) == list(there["emotions"])
        for label, share in there["emotions"].items():
            assert here["emotions"][label] == pytest.approx(share, abs=SAME), (name, label)
        assert here["plausible"] == there["plausible"], name
        if not name.startswith("grey"):
            continue  # every decoder makes a JPEG's colours a little different, and faint maps show it
        for explanation in there["explanations"]:
            encoded = np.frombuffer(base64.b64decode(explanation["data"]), np.uint8)
            theirs = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE), int)
            ours = np.array(here["heatmaps"][explanation["target"]]["data"]).reshape(theirs.shape)
            assert np.abs(ours - theirs).max() <= 3, (name, explanation["target"])


def test_both_ways_find_the_same_faces(visit: Visit, photo: Path) -> None:
    page = visit()
    grey = images.decode(photo.read_bytes(), max_pixels=10**7).grey
    body = base64.b64encode(grey.tobytes()).decode()
    find = """async ([text, width, height, minFacePx]) => {
        const {detect} = await import("/static/local/cascade.js");
        const {readCascade} = await import("/static/local/cascade-file.js");
        window.cascade ??= readCascade(await (await fetch("/cascade.xml")).text());
        const data = Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
        return detect({data, width, height}, window.cascade, {maxFaces: 10, minFacePx});
    }"""
    for smallest, count in {32: 1, 40: 2, 54: 1, 80: 1, 100: 0}.items():
        theirs = HaarDetector().detect(grey, max_faces=10, min_face_px=smallest)
        ours = page.evaluate(find, [body, grey.shape[1], grey.shape[0], smallest])
        assert len(ours) == len(theirs) == count
        for one, other in zip(ours, theirs, strict=True):
            assert one["weight"] == pytest.approx(other.weight, abs=0.05)
            for side in ("x", "y", "width", "height"):
                assert one["box"][side] == pytest.approx(getattr(other.box, side), abs=4)


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
    page.get_by_role("button", name="Back").click()
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
    page.wait_for_timeout(200)
    assert (pixels(page) != plain).any()
    assert "heatmaps" not in json.loads(saved(page, "This reading (JSON)")[1])["faces"][0]


def test_live_goes_on_over_the_switch(visit: Visit) -> None:
    page = visit()
    wire = go_live(page)
    switch = page.get_by_role("switch", name=LOCAL)
    switch.click()
    expect(page.locator("#confidence")).not_to_be_empty()
    expect(switch).to_be_focused()
    sent = len(wire.frames)
    page.wait_for_timeout(500)
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
