"""Text messages of a stream, right and wrong ones, against the AsyncAPI document."""

import json
from typing import Any

import jsonschema  # type: ignore[import-untyped]
from hypothesis import example, given
from hypothesis import strategies as st

from service.stream.document import asyncapi_document
from tests.fuzz.effort import tries
from tests.fuzz.promises import command_is_read

DOCUMENT = asyncapi_document()
SCHEMAS = DOCUMENT["components"]["schemas"]
COMMAND = jsonschema.Draft202012Validator(
    {
        "oneOf": [{"$ref": f"#/components/schemas/{name}"} for name in ("SessionUpdate", "SessionClose")],
        "components": DOCUMENT["components"],
    }
)
# Written by Python, so whole numbers have no decimal point; a service that reads strictly does not take 3.0 for 3.
NUMBERS = st.integers() | st.floats() | st.sampled_from([0, 1, 10, 2**27, 2**27 + 1, 10**30, 0.5, -0.0])
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)
TYPES: st.SearchStrategy[Any] = st.sampled_from(["session.update", "session.close", "session.created", "", None, 1, []])


def values(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values that are likely right for an option, and any others."""
    kinds = schema.get("anyOf", [schema])
    choices = [choice for kind in kinds for choice in kind.get("enum", [])]
    return st.sampled_from(choices) | VALUES if choices else VALUES


OPTIONS = {name: values(schema) for name, schema in SCHEMAS["SessionUpdate"]["properties"].items() if name != "type"}
MESSAGES = st.builds(
    lambda kind, options, others: json.dumps({"type": kind, **options, **others}),
    st.just("session.update") | TYPES,
    st.fixed_dictionaries({}, optional=OPTIONS),
    st.just({}) | st.dictionaries(st.text(max_size=9), VALUES, max_size=2),
)


@tries(300)
@given(MESSAGES | st.text(max_size=40) | VALUES.map(json.dumps))
@example("[" * 4000)
@example('{"type": "session.update", "target": "\\ud800"}')
@example("x" * 5000)
def test_messages_are_read_as_the_document_says(text: str) -> None:
    command_is_read(text, COMMAND)


def test_every_option_is_read() -> None:
    """What the document takes is a command: its defaults, its choices and its bounds."""
    for name, schema in SCHEMAS["SessionUpdate"]["properties"].items():
        for kind in schema.get("anyOf", [schema]):
            for value in (*kind.get("enum", []), *(kind[bound] for bound in ("maximum", "minimum") if bound in kind)):
                command_is_read(json.dumps({"type": "session.update", name: value}), COMMAND)
