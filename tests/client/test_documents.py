"""What the client repeats of the service, against the service's own documents."""

import json
import mimetypes
from typing import Any

import msgspec
import pytest

from fer_client import results
from fer_client.cli.pictures import IMAGE_SUFFIXES
from fer_client.cli.report import REFUSALS_OF_ALL
from fer_client.close_codes import CLOSE_CODES
from fer_client.requests import BATCH, PREDICT, VIDEO, Address, Call
from fer_client.requests import LIMITS as LIMITS_PATH
from fer_client.requests import MODEL as MODEL_PATH
from fer_client.responses import size_error
from fer_client.results import Limits, read
from fer_client.stream import HEADER, PROTOCOL, StreamProtocol, session_update
from fer_client.version import VERSION
from service.images import ACCEPTED
from service.problems import BodyTooLarge, Problem
from tests.client.answers import (
    DROPPED,
    GREETING,
    LIMITS,
    MODEL,
    VIDEO_ERROR,
    VIDEO_FRAME,
    VIDEO_SUMMARY,
    answer,
    problem,
    stream_result,
)
from tests.client.documents import ASYNCAPI, OPENAPI, validate

# The client's own members, and the discriminator of messages and lines.
NOT_COMPARED = {"raw", "frame", "type"}


def members(schema: dict[str, Any]) -> dict[str, Any]:
    return {name: shape(value) for name, value in schema["properties"].items() if name not in NOT_COMPARED}


def shape(schema: dict[str, Any]) -> object:
    """A JSON schema's type, without what it says about single values: a list, a mapping or an object's name."""
    if "$ref" in schema:
        return schema["$ref"].rpartition("/")[2]
    if "anyOf" in schema:
        return {str(shape(part)) for part in schema["anyOf"]}
    if schema.get("type") == "array":
        return [shape(schema["items"])]
    if isinstance(schema.get("additionalProperties"), dict):
        return {"values": shape(schema["additionalProperties"])}
    return schema["type"]


def ours(name: str) -> dict[str, Any]:
    (_,), definitions = msgspec.json.schema_components([getattr(results, name)])
    return members(definitions[name])


WHOLE = [
    *(
        (name, OPENAPI)
        for name in (
            "Box",
            "Detection",
            "Landmarks",
            "Point",
            "Quality",
            "Explanation",
            "Face",
            "ModelName",
            "ImageSize",
        )
    ),
    *((name, OPENAPI) for name in ("Result", "VideoFrame", "VideoSummary", "VideoTrack")),
    *((name, OPENAPI) for name in ("ModelDescription", "HeadDescription", "DetectorDescription", "Limits", "Defaults")),
    ("StreamResult", ASYNCAPI),
]
# The client reads a part of these.
PARTS = [
    ("Problem", "ProblemDocument", OPENAPI),
    ("Problem", "VideoError", OPENAPI),
    ("StreamError", "StreamError", ASYNCAPI),
    ("SessionCreated", "SessionCreated", ASYNCAPI),
    ("FrameDropped", "FrameDropped", ASYNCAPI),
]


@pytest.mark.parametrize(("name", "document"), WHOLE)
def test_result_types_have_the_documents_members_and_types(name: str, document: dict[str, Any]) -> None:
    assert ours(name) == members(document["components"]["schemas"][name])


@pytest.mark.parametrize(("name", "documented", "document"), PARTS)
def test_messages_are_read_as_documented(name: str, documented: str, document: dict[str, Any]) -> None:
    assert ours(name).items() <= members(document["components"]["schemas"][documented]).items()


@pytest.mark.parametrize(
    ("value", "name", "document"),
    [
        (answer(), "Result", OPENAPI),
        (MODEL, "ModelDescription", OPENAPI),
        (VIDEO_FRAME, "VideoFrame", OPENAPI),
        (VIDEO_SUMMARY, "VideoSummary", OPENAPI),
        (VIDEO_ERROR, "VideoError", OPENAPI),
        (problem(422, "invalid_option", limit=50), "ProblemDocument", OPENAPI),
        (stream_result(1), "StreamResult", ASYNCAPI),
        (DROPPED, "FrameDropped", ASYNCAPI),
        ({**problem(422, "invalid_option"), "type": "error", "frame_id": 1}, "StreamError", ASYNCAPI),
        (GREETING, "SessionCreated", ASYNCAPI),
    ],
)
def test_what_the_tests_let_the_service_say_is_documented(value: object, name: str, document: dict[str, Any]) -> None:
    """Their members and their `type`: all other tests of the client rest on these."""
    validate(value, name, document)


def test_what_the_client_sends_is_documented() -> None:
    validate(json.loads(session_update({"explain": "gradcam", "max_faces": 3})), "SessionUpdate", ASYNCAPI)
    protocol = StreamProtocol()
    protocol.end()
    goodbye = protocol.next_message()
    assert isinstance(goodbye, str)
    validate(json.loads(goodbye), "SessionClose", ASYNCAPI)


@pytest.mark.parametrize("code", sorted(REFUSALS_OF_ALL))
def test_refusals_of_every_input_are_the_services(code: str) -> None:
    assert code in {problem.code for problem in Problem.__subclasses__()}


def test_a_file_too_large_is_refused_as_the_service_does() -> None:
    limits = read(Limits, {**LIMITS, "max_body_bytes": 3})
    error = size_error(Call("POST", PREDICT, {}, b"1234"), limits)
    assert error is not None
    assert (error.code, error.status, error.limit) == (BodyTooLarge.code, BodyTooLarge.status, 3)


def test_the_version_is_the_services() -> None:
    assert OPENAPI["info"]["version"] == VERSION


def test_close_codes_are_the_services() -> None:
    documented = {close["code"]: close["name"].lower() for close in ASYNCAPI["x-close-codes"]}
    # A restart is told by servers and proxies in front of the service.
    assert CLOSE_CODES.keys() - {1012} == documented.keys()
    over_http = {problem.code: problem.status for problem in Problem.__subclasses__()}
    for code, name in documented.items():
        known = CLOSE_CODES[code]
        assert known.code == name or known.status == over_http[known.code]


def test_the_protocol_is_the_services() -> None:
    assert ASYNCAPI["info"]["title"].endswith(f", {PROTOCOL}")
    frame = ASYNCAPI["components"]["messages"]["Frame"]["summary"]
    assert f" {HEADER.size} bytes" in frame
    assert "FER1" in frame


@pytest.mark.parametrize("path", [PREDICT, BATCH, VIDEO, MODEL_PATH, LIMITS_PATH])
def test_addresses_exist(path: str) -> None:
    assert f"/{path}" in OPENAPI["paths"]
    assert Address("http://host").stream_url == f"ws://host{ASYNCAPI['channels']['stream']['address']}"


def test_photos_in_a_directory_are_all_that_the_service_takes() -> None:
    assert {mimetypes.guess_type(f"photo{suffix}", strict=False)[0] for suffix in IMAGE_SUFFIXES} == set(ACCEPTED)
