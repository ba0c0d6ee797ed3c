"""Answers as values: the same members as the service's own document, strict on what is known, blind to what is new."""

import base64
import dataclasses
import json
from typing import Any

import pytest

from fer_client import results
from fer_client.errors import BadAnswer
from fer_client.results import Explanation, Limits, Quality, Result, read
from tests.client.answers import answer, face
from tests.service.conftest import ROOT

SCHEMAS = json.loads((ROOT / "openapi" / "openapi.json").read_text())["components"]["schemas"]
LOCAL = {"raw", "frame"}


def members(kind: type[Any]) -> set[str]:
    return {member.name for member in dataclasses.fields(kind)} - LOCAL


@pytest.mark.parametrize(
    "name",
    ["Box", "Detection", "Quality", "Explanation", "Face", "ModelName", "ImageSize", "Result", "ModelDescription"],
)
def test_they_mirror_the_services_document(name: str) -> None:
    assert members(getattr(results, name)) == set(SCHEMAS[name]["properties"])


@pytest.mark.parametrize("name", ["VideoFrame", "VideoSummary", "VideoTrack"])
def test_the_lines_of_a_film_mirror_it_too(name: str) -> None:
    assert members(getattr(results, name)) == set(SCHEMAS[name]["properties"]) - {"type"}


def test_the_limits_it_knows_exist() -> None:
    assert members(Limits) <= set(SCHEMAS["Limits"]["properties"])


def test_an_answer_is_read() -> None:
    result = read(Result, answer())
    assert result.image.height == 20
    assert result.faces[0].box.width == 3
    assert result.faces[0].confidence == 1.0
    assert isinstance(result.faces[0].confidence, float)
    assert result.faces[0].plausible == ("happy",)
    assert result.faces[0].detection.weight is None


def test_what_a_newer_service_adds_is_kept_aside() -> None:
    said = answer(faces=[face(gaze={"x": 1}, raw="no", frame=3)], mood="new")
    result = read(Result, said)
    assert result == read(Result, answer())
    assert result.raw["faces"][0]["gaze"] == {"x": 1}


def test_an_explanation_is_a_files_bytes() -> None:
    said = {"method": "gradcam", "target": "happy", "media_type": "image/png", "width": 8, "height": 8}
    assert read(Explanation, {**said, "data": base64.b64encode(b"PNG").decode()}).data == b"PNG"
    with pytest.raises(BadAnswer, match=r"Explanation\.data is no base64"):
        read(Explanation, {**said, "data": "?"})


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ([], "Result is no JSON object"),
        (None, "Result is no JSON object"),
        ({}, "Result lacks 'request_id'"),
        (answer(faces=[{"box": {"x": 1}}]), r"Result\.faces\[0\]\.box lacks 'y'"),
        (answer(faces={}), r"Result\.faces is of another type: dict"),
        (answer(request_id=7), r"Result\.request_id is of another type: int"),
        (answer(image={"width": True, "height": 1}), r"Result\.image\.width is of another type: bool"),
        (answer(timing_ms={"total": "1"}), r"Result\.timing_ms\.total is of another type: str"),
        (answer(faces=[face(uncertain=1)]), r"uncertain is of another type: int"),
    ],
)
def test_what_is_none_of_the_services_is_named(said: object, words: str) -> None:
    with pytest.raises(BadAnswer, match=words):
        read(Result, said)


def test_values_cannot_be_changed() -> None:
    quality = read(Quality, {"sharpness": 1.0, "brightness": 0.5, "warnings": ["dark"]})
    with pytest.raises(dataclasses.FrozenInstanceError):
        quality.sharpness = 2.0  # type: ignore[misc]
