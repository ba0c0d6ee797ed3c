"""The handshake, session.created and the configuration."""

import json
import math

from websockets.exceptions import InvalidStatus

from tests.conformance.client import PATIENCE_S, Service, end
from tests.conformance.rules.base import OPTIONS, Rules, equal, goes_on

rule = Rules()


@rule("the subprotocol fer.v1 is agreed on")
def _(service: Service) -> None:
    with service.connect() as socket:
        equal(socket.subprotocol, "fer.v1", "the subprotocol")


@rule("a client that names no subprotocol is accepted")
def _(service: Service) -> None:
    with service.connect(subprotocols=()) as socket:
        equal(json.loads(socket.recv(timeout=PATIENCE_S))["type"], "session.created", "the first message")


@rule("another subprotocol is closed with 1002")
def _(service: Service) -> None:
    with service.connect(subprotocols=("mqtt",)) as socket:
        equal(end(socket), ([], 1002), "what is sent, and the close code,")


@rule("a page of the service's own origin is accepted")
def _(service: Service) -> None:
    with service.connect(origin=service.origin) as socket:
        equal(json.loads(socket.recv(timeout=PATIENCE_S))["type"], "session.created", "the first message")


@rule("a page of a foreign origin is refused before the session: 403 forbidden_origin")
def _(service: Service) -> None:
    for origin in ("https://elsewhere.example", "null", f"{service.origin}.elsewhere.example"):
        try:
            service.connect(origin=origin).close()
        except InvalidStatus as refused:
            equal(refused.response.status_code, 403, f"the status for {origin}")
            equal(json.loads(refused.response.body or b"{}").get("code"), "forbidden_origin", "the problem's code")
        else:
            raise AssertionError(f"{origin} was accepted")


@rule("the first message is session.created with session, limits, labels, model, credits and configuration")
def _(service: Service) -> None:
    with service.session() as session, service.session() as other:
        created = session.created
        equal(created["type"], "session.created", "the first message")
        equal(created["limits"], service.limits, "limits")
        equal(created["credits"], service.limits["stream_credits"], "credits")
        equal(len(set(created["labels"])), len(created["labels"]), "the number of labels")
        assert {"name", "version", "sha256"} <= set(created["model"]), "the model is not named"
        equal(set(created["configuration"]), OPTIONS, "the configuration's members")
        assert created["session_id"] != other.created["session_id"], "two sessions have one id"


@rule("session.update changes what it names, and is answered with the whole configuration in force")
def _(service: Service) -> None:
    with service.session() as session:
        expected = session.created["configuration"]
        for name, value in (
            ("explain", "gradcam"),
            ("explain_every", 3),
            ("max_faces", 1),
            ("min_face_px", 20),
            ("detector", "haar"),
            ("smoothing", 0.5),
            ("max_age_ms", 60_000.0),
        ):
            expected = {**expected, name: value}
            updated = session.command("session.update", **{name: value})
            equal(updated, {"type": "session.updated", "configuration": expected}, "the answer")
        goes_on(session)


@rule("a wrong option is an error (422 invalid_option, no frame_id) and changes nothing")
def _(service: Service) -> None:
    with service.session() as session:
        before = session.created["configuration"]
        for wrong in (
            {"explain": "lime"},
            {"explain_every": 0},
            {"max_faces": service.limits["max_faces"] + 1},
            {"min_face_px": "20"},
            {"detector": "none"},
            {"smoothing": 1.5},
            {"smoothing": math.nan},
            {"max_age_ms": 0},
            {"unknown": 1},
        ):
            answer = session.command("session.update", **wrong)
            answered = [answer.get(name) for name in ("type", "code", "status", "frame_id")]
            equal(answered, ["error", "invalid_option", 422, None], f"the answer to {wrong}")
        equal(session.command("session.update")["configuration"], before, "the configuration")
