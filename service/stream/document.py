"""The WebSocket interface as an AsyncAPI document, from the messages themselves."""

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from .. import __version__
from . import messages as stream
from .protocol import HEADER, PROTOCOL, CloseCode

CLIENT_MESSAGES: tuple[type[BaseModel], ...] = (stream.SessionUpdate, stream.SessionClose)
SERVER_MESSAGES: tuple[type[BaseModel], ...] = (
    stream.SessionCreated,
    stream.SessionUpdated,
    stream.StreamResult,
    stream.FrameDropped,
    stream.StreamError,
    stream.SessionClosed,
)


def asyncapi_document() -> dict[str, Any]:
    """AsyncAPI 3.0."""
    models = [*CLIENT_MESSAGES, *SERVER_MESSAGES]
    _, definitions = models_json_schema(
        [(model, "validation" if model in CLIENT_MESSAGES else "serialization") for model in models],
        ref_template="#/components/schemas/{model}",
    )
    messages = {model.__name__: _message(model) for model in models}
    messages["Frame"] = {
        "contentType": "application/octet-stream",
        "summary": "Client, binary: one complete JPEG, PNG or WebP file, optionally after a header "
        f"of {HEADER.size} bytes, big-endian: the bytes FER1, u32 frame id, f64 capture time in ms. "
        "Without it frames are numbered from 1. Every frame gets one answer: result, dropped or error.",
        "payload": {"type": "string", "format": "binary"},
    }
    names = {"client": ["Frame", *(model.__name__ for model in CLIENT_MESSAGES)]}
    names["server"] = [model.__name__ for model in SERVER_MESSAGES]
    codes = "\n".join(f"- {code}: {code.meaning}" for code in CloseCode)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": f"Facial expression stream, {PROTOCOL}",
            "version": __version__,
            "description": f"WebSocket with subprotocol `{PROTOCOL}`. Send a frame only while you hold a credit; "
            "each answer gives one back. A service that needs a key takes it as `Authorization: Bearer KEY` or as the "
            f"second subprotocol.\n\nClose codes:\n{codes}\n",
        },
        "servers": {"here": {"host": "127.0.0.1:8000", "protocol": "ws", "description": "the default address"}},
        "channels": {
            "stream": {
                "address": "/v1/stream",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
            }
        },
        "operations": {
            "fromClient": _operation("receive", names["client"]),
            "fromServer": _operation("send", names["server"]),
        },
        "components": {"messages": messages, "schemas": definitions["$defs"]},
        "x-close-codes": [{"code": code.value, "name": code.name, "meaning": code.meaning} for code in CloseCode],
    }


def _message(model: type[BaseModel]) -> dict[str, Any]:
    summary = (model.__doc__ or model.__name__).strip().partition("\n")[0]
    return {
        "contentType": "application/json",
        "summary": summary,
        "payload": {"$ref": f"#/components/schemas/{model.__name__}"},
    }


def _operation(action: str, messages: list[str]) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": "#/channels/stream"},
        "messages": [{"$ref": f"#/channels/stream/messages/{name}"} for name in messages],
    }
