"""The OpenAPI document: what FastAPI does not know of the interface."""

from typing import Any

from pydantic.json_schema import models_json_schema

from ..batch.messages import BatchError, BatchResult
from ..examples import EXAMPLES
from ..keys import INTERFACE
from ..problems import ForbiddenOrigin, RateLimited, Unauthorized
from ..schemas import NEEDS_EXPLAIN, ProblemDocument
from ..settings import Settings
from ..video.messages import VideoError, VideoFrame, VideoSummary
from .predict import problems

_KEY = {
    "type": "http",
    "scheme": "bearer",
    "description": "A key of FER_API_KEYS_FILE, where the service has one; probes and the page need none.",
}
_HEADERS = {
    "X-Request-ID": {"description": "The id of this request, as in the log", "schema": {"type": "string"}},
    "Retry-After": {"description": "Seconds before the next try", "schema": {"type": "integer", "minimum": 0}},
}


def complete(document: dict[str, Any], settings: Settings) -> None:
    """Add what every path has in common, and what `settings` allows, to the document that FastAPI has made."""
    _, definitions = models_json_schema(
        [
            (model, "serialization")
            for model in (ProblemDocument, BatchResult, BatchError, VideoFrame, VideoSummary, VideoError)
        ],
        ref_template="#/components/schemas/{model}",
    )
    document["components"]["schemas"] |= definitions["$defs"]
    for name, example in EXAMPLES.items():
        document["components"]["schemas"][name]["examples"] = [example]
    document["components"] |= {"securitySchemes": {"key": _KEY}, "headers": _HEADERS}
    for path, methods in document["paths"].items():
        for operation in methods.values():
            if path.startswith(INTERFACE):
                # The empty one: a service without keys wants none.
                operation["security"] = [{"key": []}, {}]
                operation["responses"] |= _access_problems()
            for response in operation["responses"].values():
                response.setdefault("headers", {})["X-Request-ID"] = {"$ref": "#/components/headers/X-Request-ID"}
            for parameter in operation.get("parameters", []):
                _as_in_a_query(parameter["name"], parameter["schema"], settings)


def _access_problems() -> dict[str, Any]:
    """What AccessMiddleware answers to any path of the interface."""
    described = {
        Unauthorized: "No key, or none that is known",
        ForbiddenOrigin: "Another web page's request",
        RateLimited: "Asked too often",
    }
    return {
        str(problem.status): {**problems(problem.status)[problem.status], "description": description}
        for problem, description in described.items()
    }


def _as_in_a_query(name: str, schema: dict[str, Any], settings: Settings) -> None:
    """Change an option's schema to what a query can say: forms and generated clients send just what stands there."""
    # A query has no null; what is optional is left out.
    kinds = schema.pop("anyOf", [])
    schema |= next((kind for kind in kinds if kind["type"] != "null"), {})
    if name in NEEDS_EXPLAIN:
        # Sent without `explain`, even the default is refused: it has no effect.
        schema.pop("default")
    if name == "max_faces":
        schema |= {"maximum": settings.max_faces, "default": min(schema["default"], settings.max_faces)}
