"""The generated documents are fresh, valid, and need no model."""

import base64
import json
import re
from pathlib import Path

import pytest
import yaml
from openapi_spec_validator import validate

import service
from service import documents, images, schemas
from service.app import create_app
from service.examples import EXAMPLES
from service.settings import Settings
from service.stream.protocol import PROTOCOL, CloseCode
from service.video.messages import VideoFrame, VideoSummary

FOLDER = Path(__file__).parents[2] / "openapi"


def test_they_are_fresh() -> None:
    assert (FOLDER / "openapi.json").read_text() == documents.openapi(), "stale: run `make openapi`"
    assert (FOLDER / "asyncapi.yaml").read_text() == documents.asyncapi(), "stale: run `make openapi`"


def test_the_program_writes_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "FOLDER", tmp_path / "new")
    assert documents.main() == 0
    assert {path.name for path in (tmp_path / "new").iterdir()} == {"openapi.json", "asyncapi.yaml"}
    assert (tmp_path / "new" / "openapi.json").read_text() == documents.openapi()


def test_openapi_is_valid_and_complete() -> None:
    document = json.loads(documents.openapi())
    validate(document)
    assert set(document["paths"]) == {
        "/v1/predict",
        "/v1/predict/batch",
        "/v1/predict/video",
        "/v1/model",
        "/v1/model/file",
        "/v1/limits",
        "/livez",
        "/readyz",
        "/metrics",
        "/privacy",
    }
    bodies = document["paths"]["/v1/predict"]["post"]["requestBody"]["content"]
    # Of the types of a file only the one that every program that makes clients knows.
    assert set(bodies) == {"application/octet-stream", "multipart/form-data", "application/json"}
    problems = set(document["paths"]["/v1/predict"]["post"]["responses"]) - {"200"}
    assert problems == {"400", "401", "403", "408", "413", "415", "422", "429", "500", "503", "504"}


def test_openapi_has_names_servers_and_examples() -> None:
    document = json.loads(documents.openapi())
    operations = [operation for methods in document["paths"].values() for operation in methods.values()]
    names = [operation["operationId"] for operation in operations]
    assert {"predict", "predict_batch", "predict_video", "model", "limits"} <= set(names)
    assert len(set(names)) == len(names)
    assert all(name.isidentifier() and "_v1_" not in name for name in names)
    assert document["servers"][0]["url"] == "/"
    models = (schemas.Result, schemas.ProblemDocument, VideoFrame, VideoSummary)
    assert {model.__name__ for model in models} == EXAMPLES.keys()
    for model in models:
        [example] = document["components"]["schemas"][model.__name__]["examples"]
        assert model.model_validate(example).model_dump(exclude_unset=True) == example


def test_the_example_of_a_request_is_an_image() -> None:
    content = json.loads(documents.openapi())["paths"]["/v1/predict"]["post"]["requestBody"]["content"]
    assert next(iter(content)) == "application/json", "the one that documentation tools offer first"
    file = schemas.PredictBody.file_of(json.dumps(content["application/json"]["example"]).encode())
    assert images.decode(file, max_pixels=10**5).grey.shape == (112, 112)


def test_options_are_described_as_a_query_can_hold_them() -> None:
    """Forms and generated clients send an option's default with every request: it has to be one that may be sent."""
    document = create_app(Settings(max_faces=7)).openapi()
    for path in ("predict", "predict/batch", "predict/video"):
        options = {each["name"]: each["schema"] for each in document["paths"][f"/v1/{path}"]["post"]["parameters"]}
        assert not any("anyOf" in schema for schema in options.values()), "a query has no null"
        assert not any("default" in options[name] for name in schemas.NEEDS_EXPLAIN)
        assert (options["max_faces"]["default"], options["max_faces"]["maximum"]) == (7, 7)
        assert options["min_face_px"]["maximum"] == 2**27


def test_an_image_as_text_is_described() -> None:
    document = json.loads(documents.openapi())
    body = document["paths"]["/v1/predict"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    pattern = body["properties"]["image"]["pattern"]
    for length in range(1, 9):
        text = base64.b64encode(bytes(range(length))).decode()
        assert re.search(pattern, text)
        assert re.search(pattern, f"data:image/png;base64,{text}")
        assert not re.search(pattern, text + "=A")
        assert not re.search(pattern, f"data:image/png,{text}")


def test_openapi_says_where_a_key_is_needed_and_that_clients_are_counted() -> None:
    document = json.loads(documents.openapi())
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    for path, methods in document["paths"].items():
        for operation in methods.values():
            assert ("security" in operation) is path.startswith("/v1/"), path
            assert ({"401", "403", "429"} <= set(operation["responses"])) is path.startswith("/v1/"), path


def test_asyncapi_names_every_message() -> None:
    document = yaml.safe_load(documents.asyncapi())
    assert PROTOCOL in document["info"]["description"]
    schemas = document["components"]["schemas"]
    types = {
        schema["properties"]["type"].get("const")
        for schema in schemas.values()
        if "const" in schema.get("properties", {}).get("type", {})
    }
    assert types == {
        "session.created",
        "session.update",
        "session.updated",
        "session.close",
        "session.closed",
        "result",
        "dropped",
        "error",
    }
    text = json.dumps(document)
    for reference in {part.split('"')[0] for part in text.split('"$ref": "#/')[1:]}:
        node = document
        for key in reference.split("/"):
            node = node[key]


def test_asyncapi_gives_every_close_code_with_its_meaning() -> None:
    document = yaml.safe_load(documents.asyncapi())
    codes = document["x-close-codes"]
    assert codes == [{"code": code.value, "name": code.name, "meaning": code.meaning} for code in CloseCode]
    known = {1000, 1001, 1002, 1003, 1007, 1008, 1009, 1011, 1013, 4401, 4408, 4409, 4429}
    assert {code["code"] for code in codes} == known
    for code in codes:
        assert code["meaning"] in document["info"]["description"]


def test_both_documents_have_the_services_version() -> None:
    versions = {
        json.loads(documents.openapi())["info"]["version"],
        yaml.safe_load(documents.asyncapi())["info"]["version"],
    }
    assert versions == {service.__version__}
