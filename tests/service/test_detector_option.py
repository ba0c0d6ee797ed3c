"""The option `detector` of images, videos and streams, and the setting behind it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from benchmarks.scenes import Picture, tilted
from service import images
from service.app import create_app
from service.detectors.centerface import CenterFaceDetector
from service.settings import Settings
from tests.service.answers import assert_problem
from tests.service.clips import encode, steady
from tests.service.conftest import encoded
from tests.service.troubles import without_centerface

TRANSPORTS = ["image", "video", "stream"]


@pytest.fixture
def frames(photo: bytes) -> bytes:
    """A video of one second that shows the photo."""
    grey = np.ascontiguousarray(images.decode(photo, max_pixels=2**20).grey)
    return encode([(time_s, grey) for time_s in steady(1, fps=2)], size_wh=(512, 512))


def ask(client: TestClient, transport: str, photo: bytes, frames: bytes, **options: Any) -> dict[str, Any]:
    """The first result, or the problem, of any transport."""
    if transport == "image":
        return dict(client.post("/v1/predict", content=photo, params=options).json())
    if transport == "video":
        answer = client.post("/v1/predict/video", content=frames, params=options)
        return dict(json.loads(answer.text.splitlines()[0]))
    with client.websocket_connect("/v1/stream", subprotocols=["fer.v1"]) as socket:
        socket.receive_json()
        socket.send_json({"type": "session.update", **options})
        if (updated := dict(socket.receive_json()))["type"] == "error":
            return updated
        socket.send_bytes(photo)
        return dict(socket.receive_json())


@pytest.fixture
def without_file(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """A service that has no file of CenterFace."""
    without_centerface(monkeypatch)
    with TestClient(create_app(settings)) as client:
        yield client


@pytest.fixture
def set_to_centerface(settings: Settings) -> Iterator[TestClient]:
    with TestClient(create_app(settings.model_copy(update={"detector": "centerface"}))) as client:
        yield client


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_centerface_where_it_is_asked_for(
    centerface_detector: CenterFaceDetector, client: TestClient, transport: str, photo: bytes, frames: bytes
) -> None:
    answer = ask(client, transport, photo, frames, detector="centerface")
    (face,) = answer["faces"]
    detection = face["detection"]
    assert (detection["detector"], detection["weight"]) == ("centerface", None)
    assert 0.5 < detection["confidence"] <= 1
    assert detection["landmarks"]["left_eye"] == pytest.approx({"x": 207, "y": 103}, abs=6)
    assert detection["landmarks"]["right_eye"] == pytest.approx({"x": 247, "y": 104}, abs=6)
    # A twentieth of 512.
    assert answer["searched_from_px"] == 26


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("options", [{}, {"detector": "haar"}])
def test_haar_otherwise(
    client: TestClient, transport: str, options: dict[str, str], photo: bytes, frames: bytes
) -> None:
    answer = ask(client, transport, photo, frames, **options)
    (face,) = answer["faces"]
    assert face["detection"]["detector"] == "haar_frontalface_default"
    assert (face["detection"]["confidence"], face["detection"]["landmarks"]) == (None, None)
    assert answer["searched_from_px"] == 32


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_the_setting_decides_where_no_detector_is_named(
    centerface_detector: CenterFaceDetector,
    set_to_centerface: TestClient,
    transport: str,
    photo: bytes,
    frames: bytes,
) -> None:
    (face,) = ask(set_to_centerface, transport, photo, frames)["faces"]
    assert face["detection"]["detector"] == "centerface"
    (face,) = ask(set_to_centerface, transport, photo, frames, detector="haar")["faces"]
    assert face["detection"]["detector"] == "haar_frontalface_default"
    model = set_to_centerface.get("/v1/model").json()
    assert model["detector"]["option"] == "centerface"
    assert [each["option"] for each in model["detectors"]] == ["haar", "centerface"]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_detector_whose_file_is_missing_is_refused(
    without_file: TestClient, transport: str, photo: bytes, frames: bytes
) -> None:
    document = ask(without_file, transport, photo, frames, detector="centerface")
    assert (document["status"], document["code"]) == (422, "invalid_option")
    assert "centerface" in document["detail"]
    assert "haar" in document["detail"]
    assert [each["option"] for each in without_file.get("/v1/model").json()["detectors"]] == ["haar"]


def test_haar_serves_where_the_file_of_the_setting_is_missing(
    without_file: TestClient, set_to_centerface: TestClient, photo: bytes
) -> None:
    (face,) = set_to_centerface.post("/v1/predict", content=photo).json()["faces"]
    assert face["detection"]["detector"] == "haar_frontalface_default"
    assert set_to_centerface.get("/v1/model").json()["detector"]["option"] == "haar"


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_an_unknown_detector_is_refused(client: TestClient, transport: str, photo: bytes, frames: bytes) -> None:
    document = ask(client, transport, photo, frames, detector="yolo")
    assert (document["status"], document["code"]) == (422, "invalid_option")
    assert "detector" in document["detail"]


@pytest.mark.parametrize("path", ["/v1/predict", "/v1/predict/video"])
def test_a_detector_without_effect_is_refused(client: TestClient, path: str, white: bytes) -> None:
    answer = client.post(path, content=white, params={"crop": "whole", "detector": "haar"})
    assert "no face is searched for" in assert_problem(answer, 422, "invalid_option")["detail"]


@pytest.mark.parametrize(
    ("detector", "min_face_px", "searched_from_px"),
    [("haar", 40, 40), ("haar", 1, 24), ("centerface", 40, 40), ("centerface", 1, 16)],
)
def test_the_answer_says_from_which_size_on_was_searched(
    centerface_detector: CenterFaceDetector,
    client: TestClient,
    photo: bytes,
    detector: str,
    min_face_px: int,
    searched_from_px: int,
) -> None:
    answer = ask(client, "image", photo, b"", detector=detector, min_face_px=min_face_px)
    assert answer["searched_from_px"] == searched_from_px


def test_25_megapixels_searched_for_faces_of_one_pixel(client: TestClient, media: Path) -> None:
    body = (media / "hostile" / "white_25_megapixels_35kB.png").read_bytes()
    answer = client.post("/v1/predict", content=body, params={"min_face_px": 1}).json()
    assert answer["faces"] == []
    assert answer["searched_from_px"] == -(-max(answer["image"].values()) // 48)


def test_a_heatmap_of_a_tilted_face_says_how_its_square_is_turned(
    centerface_detector: CenterFaceDetector, client: TestClient, photo: bytes
) -> None:
    grey = images.decode(photo, max_pixels=2**20).grey
    body = encoded(tilted(Picture("", grey, ()), 30).grey)
    options = {"detector": "centerface", "explain": "gradcam"}
    for sent, degrees in ((body, 35), (photo, 0)):
        (face,) = client.post("/v1/predict", content=sent, params=options).json()["faces"]
        (explanation,) = face["explanations"]
        assert explanation["degrees"] == pytest.approx(degrees, abs=6)
        # The square is the face's, whose eyes lie in it.
        box, eye = explanation["box"], face["detection"]["landmarks"]["left_eye"]
        assert box["x"] < eye["x"] < box["x"] + box["width"]
        assert box["width"] == box["height"]
