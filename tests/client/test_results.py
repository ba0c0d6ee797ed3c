"""Results as values: strict about the members they know, indifferent to those of a newer service."""

import dataclasses

import pytest

from fer_client.errors import BadAnswer
from fer_client.results import Explanation, Quality, Result, read
from tests.client.answers import answer, explanation, face


def test_an_answer_is_read() -> None:
    result = read(Result, answer())
    assert result.image.height == 20
    assert result.faces[0].box.width == 3
    assert result.faces[0].confidence == 1.0
    assert isinstance(result.faces[0].confidence, float)
    assert result.faces[0].prediction_set == ("happy",)
    assert result.faces[0].detection.weight is None


def test_votes_are_read_where_there_are_any() -> None:
    assert read(Result, answer()).faces[0].votes is None
    assert read(Result, answer(faces=[face(votes={"happy": 0.5})])).faces[0].votes == {"happy": 0.5}
    older = face()
    del older["votes"]
    assert read(Result, answer(faces=[older])).faces[0].votes is None


def test_what_a_newer_service_adds_is_kept_aside() -> None:
    said = answer(faces=[face(gaze={"x": 1}, raw="no", frame=3)], mood="new", raw=1, frame=2)
    result = read(Result, said)
    assert result == read(Result, answer())
    assert result.raw["faces"][0]["gaze"] == {"x": 1}


def test_an_explanation_is_a_files_bytes() -> None:
    assert read(Explanation, explanation()).data == b"PNG"
    with pytest.raises(BadAnswer, match=r"base64 .* `\$\.data`"):
        read(Explanation, explanation(data="?"))


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ([], "Result: Expected `object`, got `array`"),
        (None, "Result: Expected `object`, got `null`"),
        ({}, "Result: Object missing required field `request_id`"),
        (answer(faces=[face(box={"x": 1})]), r"missing required field `y` - at `\$\.faces\[0\]\.box`"),
        (answer(faces={}), r"Expected `array`, got `object` - at `\$\.faces`"),
        (answer(request_id=7), r"Expected `str`, got `int` - at `\$\.request_id`"),
        (answer(image={"width": True, "height": 1}), r"Expected `int`, got `bool` - at `\$\.image\.width`"),
        (answer(timing_ms={"total": "1"}), r"Expected `float`, got `str` - at `\$\.timing_ms"),
        (answer(faces=[face(uncertain=1)]), r"Expected `bool`, got `int` - at `\$\.faces\[0\]\.uncertain`"),
    ],
)
def test_what_is_none_of_the_services_is_named(said: object, words: str) -> None:
    with pytest.raises(BadAnswer, match=words):
        read(Result, said)


def test_values_cannot_be_changed() -> None:
    quality = read(Quality, {"sharpness": 1.0, "brightness": 0.5, "warnings": ["dark"]})
    with pytest.raises(dataclasses.FrozenInstanceError):
        quality.sharpness = 2.0  # type: ignore[misc]
