"""Pictures read twice: by the service, and by the page's own modules."""

import base64
import json
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
from numpy.typing import NDArray

from tests.browser.chromium import Server

if TYPE_CHECKING:
    from playwright.sync_api import Page


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
        const asked = ["/v1/model", "/v1/limits", "/page.json"].map(async (path) => (await fetch(path)).json());
        const [model, limits, {runtime}] = await Promise.all(asked);
        window.reader ??= new LocalReader(runtime, model, limits);
        const result = await window.reader.read(pixelsOf(await openPicture(new Blob([bytes]))), options);
        return JSON.parse(JSON.stringify(result, (_, value) => (value instanceof Uint8Array ? [...value] : value)));
    }"""
    return dict(page.evaluate(read, [base64.b64encode(body).decode(), options]))
