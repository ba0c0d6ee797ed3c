"""POST /v1/predict: three forms, one answer; every option; every problem."""

import base64
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from service import files
from service.app import create_app
from service.routes import predict
from service.schemas import PredictOptions
from service.settings import Settings
from tests.service.answers import assert_problem, stable
from tests.service.conftest import LABELS, METADATA, brightness_network, encoded
from tests.service.streams import Gate
from tests.service.troubles import trouble

URL = "/v1/predict"


# --- answers -----------------------------------------------------------------------------------


def test_the_whole_answer(client: TestClient, white: bytes) -> None:
    answer = client.post(URL, content=white, params={"crop": "whole"}).json()
    (face,) = answer["faces"]
    assert answer["image"] == {"width": 16, "height": 16}
    assert answer["model"]["name"] == "brightness"
    assert len(answer["model"]["sha256"]) == 64
    assert face["box"] == {"x": 0, "y": 0, "width": 16, "height": 16}
    assert face["detection"] == {"detector": None, "weight": None, "confidence": None, "landmarks": None}
    assert answer["searched_from_px"] is None
    assert face["emotion"] == "bright"
    assert list(face["emotions"]) == list(LABELS)
    assert sum(face["emotions"].values()) == pytest.approx(1, abs=1e-12)
    assert face["confidence"] == face["emotions"]["bright"]
    assert face["explanations"] == []
    assert face["track_id"] is None
    assert list(answer["timing_ms"]) == ["queue", "decode", "detect", "infer", "explain", "total"]
    assert answer["timing_ms"]["total"] >= answer["timing_ms"]["decode"] > 0


def test_nothing_of_a_request_is_handed_to_a_thread(
    client: TestClient, white: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FastAPI does that with plain functions, and the way there and back takes longer than what they do."""

    async def refuse(call: object, *_: object, **__: object) -> None:
        raise AssertionError(f"{call} is called in a thread")

    monkeypatch.setattr("anyio.to_thread.run_sync", refuse)
    assert client.post(URL, content=white, params={"crop": "whole"}).status_code == 200
    assert client.post(URL, content=white, params={"crop": "no"}).status_code == 422


def test_a_query_is_parsed_once_and_always_means_the_same(
    client: TestClient, white: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    remembered: dict[bytes, PredictOptions] = {}
    monkeypatch.setattr(predict, "_remembered", remembered)
    options = {"crop": "whole", "explain": "gradcam", "target": "all"}
    first = client.post(URL, content=white, params=options)
    assert list(remembered) == [b"crop=whole&explain=gradcam&target=all"]
    monkeypatch.setattr("fastapi.routing.solve_dependencies", None)
    assert stable(client.post(URL, content=white, params=options)) == stable(first)
    assert client.get(URL, params=options).status_code == 405


def test_of_remembered_queries_there_are_few_and_none_that_is_wrong_or_long(
    client: TestClient, white: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    remembered: dict[bytes, PredictOptions] = {}
    monkeypatch.setattr(predict, "_remembered", remembered)
    monkeypatch.setattr(predict, "_MOST_REMEMBERED", 2)
    long = "&".join(["crop=whole"] * 50)
    wrong = ("crop=no", "crop=whole&explain=gradcam&target=nobody", "crop=whole&max_faces=1000")
    for _ in range(2):
        assert client.post(f"{URL}?{long}", content=white).status_code == 200
        for query in wrong:
            assert_problem(client.post(f"{URL}?{query}", content=white), 422, "invalid_option")
    assert not remembered
    for number in (1, 2, 3):
        assert client.post(f"{URL}?crop=whole&max_faces={number}", content=white).status_code == 200
    assert list(remembered) == [b"crop=whole&max_faces=2", b"crop=whole&max_faces=3"]


def test_the_three_forms_give_the_same_answer(client: TestClient, photo: bytes) -> None:
    text = base64.b64encode(photo).decode()
    options = {"explain": "gradcam", "target": "all"}
    answers = [
        client.post(URL, content=photo, headers={"content-type": "image/jpeg"}, params=options),
        client.post(URL, content=photo, params=options),
        client.post(URL, files={"file": ("../../etc/passwd", photo, "text/html")}, params=options),
        client.post(URL, json={"image": text}, params=options),
        client.post(URL, json={"image": f"data:image/jpeg;base64,{text}"}, params=options),
    ]
    first = stable(answers[0])
    assert len(first["faces"]) == 1
    assert all(stable(answer) == first for answer in answers)


def test_no_face_is_an_answer(client: TestClient, white: bytes) -> None:
    answer = client.post(URL, content=white)
    assert answer.status_code == 200
    assert answer.json()["faces"] == []


def test_explanations(client: TestClient, white: bytes) -> None:
    options = {"crop": "whole", "explain": "gradcam", "target": "all"}
    (face,) = client.post(URL, content=white, params=options).json()["faces"]
    assert [each["target"] for each in face["explanations"]] == list(LABELS)
    explanation = face["explanations"][0]
    assert (explanation["method"], explanation["media_type"]) == ("gradcam", "image/png")
    assert (explanation["width"], explanation["height"]) == (8, 8)
    assert files.media_type(base64.b64decode(explanation["data"])) == "image/png"


def test_an_explanation_says_which_square_it_covers(model_path: Path, photo: bytes, tmp_path: Path) -> None:
    """With a margin of a quarter on every side, the square is half as wide again as the face."""
    path = tmp_path / "margin.onnx"
    path.write_bytes(brightness_network({**METADATA, "crop_margin": "0.25"}))
    with TestClient(create_app(Settings(model=path))) as client:
        (face,) = client.post(URL, content=photo, params={"explain": "gradcam"}).json()["faces"]
        wide = encoded(np.zeros((20, 40)))
        (whole,) = client.post(URL, content=wide, params={"explain": "gradcam", "crop": "whole"}).json()["faces"]
    box, square = face["box"], face["explanations"][0]["box"]
    assert (square["width"], square["height"]) == (box["width"] * 1.5, box["width"] * 1.5)
    assert square["x"] + square["width"] / 2 == pytest.approx(box["x"] + box["width"] / 2, abs=1)
    assert square["y"] + square["height"] / 2 == pytest.approx(box["y"] + box["height"] / 2, abs=1)
    assert whole["explanations"][0]["box"] == {"x": 0, "y": -10, "width": 40, "height": 40}


# --- options -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("explain", "lime"),
        ("heatmap", "jpeg"),
        ("target", "joy"),
        ("max_faces", "0"),
        ("max_faces", "51"),
        ("max_faces", "two"),
        ("min_face_px", "-3"),
        ("crop", "half"),
        ("explian", "gradcam"),
    ],
)
def test_a_bad_option_is_refused_by_name(client: TestClient, white: bytes, name: str, value: str) -> None:
    document = assert_problem(client.post(URL, content=white, params={name: value}), 422, "invalid_option")
    assert name in document["detail"]


def test_the_default_is_never_more_than_is_allowed(model_path: Path, photo: bytes) -> None:
    with TestClient(create_app(Settings(model=model_path, max_faces=3))) as client:
        assert len(stable(client.post(URL, content=photo))["faces"]) == 1
        document = assert_problem(client.post(URL, content=photo, params={"max_faces": 10}), 422, "invalid_option")
    assert document["limit"] == 3


# --- bodies ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "request_parts",
    [
        {"content": b""},
        {"json": {"picture": "abcd"}},
        {"json": {"image": "abcd", "more": 1}},
        {"json": {"image": "not base64!"}},
        {"json": {"image": "data:image/jpeg,abcd"}},
        {"json": {"image": ""}},
        {"json": [1]},
        {"content": b"{", "headers": {"content-type": "application/json"}},
        {"files": {"image": b"abc"}},
        {"files": [("file", b"abc"), ("file", b"def")]},
        {"data": {"file": "text"}, "files": {"other": b"abc"}},
        {"content": b"--x\r\nnonsense", "headers": {"content-type": "multipart/form-data; boundary=x"}},
        {"content": b"abc", "headers": {"content-type": "multipart/form-data"}},
    ],
    ids=str,
)
def test_a_body_that_cannot_be_read(client: TestClient, request_parts: dict[str, Any]) -> None:
    assert_problem(client.post(URL, **request_parts), 400, "malformed_body")


@pytest.mark.parametrize("form", ["raw", "multipart", "chunked"])
def test_a_body_that_is_too_large(model_path: Path, form: str) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(40):
            yield bytes(50)

    body: dict[str, dict[str, Any]] = {
        "raw": {"content": bytes(2000)},
        "multipart": {"files": {"file": bytes(2000)}},
        "chunked": {"content": chunks()},
    }
    with TestClient(create_app(Settings(model=model_path, max_body_bytes=1000))) as client:
        document = assert_problem(client.post(URL, **body[form]), 413, "body_too_large")
    assert document["limit"] == 1000


def test_large_uploads_never_touch_the_disk(client: TestClient, photo: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    import tempfile

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a temporary file was opened")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    large = photo + bytes(3 * 2**20)
    assert len(stable(client.post(URL, files={"file": large}))["faces"]) == 1


@pytest.mark.parametrize(
    ("body", "seen"),
    [(b"GIF89a" + bytes(9), "GIF"), (b"<svg/>", "SVG"), (b"\0\0\0\x18ftypheic", "HEIC"), (b"%PDF-", "PDF")],
)
def test_other_kinds_are_named(client: TestClient, body: bytes, seen: str) -> None:
    document = assert_problem(
        client.post(URL, content=body, headers={"content-type": "image/jpeg"}), 415, "unsupported_media_type"
    )
    assert f"This is {seen}" in document["detail"]


def test_damaged_and_huge_images(client: TestClient, photo: bytes, media: Path) -> None:
    assert_problem(client.post(URL, content=photo[:20000]), 422, "undecodable_image")
    bomb = (media / "hostile" / "bomb_20000x20000_1bit.png").read_bytes()
    document = assert_problem(client.post(URL, content=bomb), 422, "image_too_many_pixels")
    assert document["limit"] == 25_000_000


def test_every_hostile_file_gets_an_answer_or_a_problem(client: TestClient, media: Path) -> None:
    for path in sorted((media / "hostile").iterdir()):
        response = client.post(URL, content=path.read_bytes())
        assert response.status_code in (200, 400, 415, 422), f"{path.name}: {response.text}"


# --- the service's own troubles ----------------------------------------------------------------


def test_an_error_of_the_service_tells_nothing(
    settings: Settings, white: bytes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    trouble(monkeypatch, error="secret")
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        response = client.post(URL, content=white)
    document = assert_problem(response, 500, "internal")
    assert "secret" not in response.text
    assert document["request_id"] in caplog.text
    assert "secret" in caplog.text


def test_overload_and_deadline(model_path: Path, white: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    trouble(monkeypatch, seconds=60.0)
    gate = Gate(monkeypatch)
    settings = Settings(model=model_path, workers=1, queue=0, deadline_s=0.4)
    with TestClient(create_app(settings)) as client, ThreadPoolExecutor(1) as caller:
        late = caller.submit(client.post, URL, content=white)
        assert gate.reached.wait(60)
        busy = client.post(URL, content=white)
        gate.opened.set()
        assert_problem(busy, 503, "overloaded")
        assert busy.headers["retry-after"] == "1"
        assert_problem(late.result(), 504, "deadline_exceeded")


def test_another_model_is_served_unchanged(tmp_path: Path, white: bytes) -> None:
    import json

    path = tmp_path / "other.onnx"
    path.write_bytes(brightness_network({**METADATA, "labels": json.dumps(["nuit", "jour", "jamais"])}))
    with TestClient(create_app(Settings(model=path))) as client:
        explained = {"crop": "whole", "explain": "gradcam", "target": "jour"}
        (face,) = client.post(URL, content=white, params=explained).json()["faces"]
    assert face["emotion"] == "jour"
