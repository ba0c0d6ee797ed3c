"""The service's two documents, read as a client would."""

import json
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import yaml

from tests.service.conftest import ROOT

OPENAPI: dict[str, Any] = json.loads((ROOT / "openapi" / "openapi.json").read_text())
ASYNCAPI: dict[str, Any] = yaml.safe_load((ROOT / "openapi" / "asyncapi.yaml").read_text())


def query_options(path: str) -> dict[str, dict[str, Any]]:
    """JSON schema of each query parameter of a POST, by name."""
    return {parameter["name"]: parameter["schema"] for parameter in OPENAPI["paths"][path]["post"]["parameters"]}


def message_options(name: str) -> dict[str, dict[str, Any]]:
    """JSON schema of each member of a stream's message but its type, by name."""
    properties = ASYNCAPI["components"]["schemas"][name]["properties"]
    return {name: schema for name, schema in properties.items() if name != "type"}


def validate(value: object, name: str, document: dict[str, Any] = OPENAPI) -> None:
    """Raises jsonschema.ValidationError where `value` is not what the document says under that name."""
    jsonschema.validate(value, {"$ref": f"#/components/schemas/{name}", "components": document["components"]})
