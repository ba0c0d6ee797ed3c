"""Sessions of fer.v1 made up step by step, against the real service: every frame has one answer, and all counts agree.

What a session may do and is answered comes from the AsyncAPI document; tests/conformance has the rules one by one.
"""

import json
import struct
from collections import Counter
from contextlib import ExitStack
from typing import Any, ClassVar

import jsonschema  # type: ignore[import-untyped]
import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from service.stream.document import SERVER_MESSAGES, asyncapi_document
from tests.fuzz.effort import tries
from tests.service.conftest import encoded

DOCUMENT = asyncapi_document()
SERVER_MESSAGE = jsonschema.Draft202012Validator(
    {
        "oneOf": [{"$ref": f"#/components/schemas/{message.__name__}"} for message in SERVER_MESSAGES],
        "components": DOCUMENT["components"],
    }
)
PATIENCE_S = 60.0
PICTURES = [encoded(np.full((16, 16), grey), kind) for grey, kind in ((255, ".png"), (9, ".jpg"), (128, ".webp"))]
JUNK = [b"", b"FER1", b"junk", b"GIF89a", PICTURES[1][:100], b"FER1" + bytes(12)]
RIGHT = {
    "explain": st.sampled_from(["none", "gradcam"]),
    "explain_every": st.integers(1, 3),
    "target": st.sampled_from(["top", "all", "bright"]),
    "max_faces": st.integers(1, 50),
    "min_face_px": st.none() | st.integers(1, 2**27),
    "detector": st.sampled_from([None, "haar"]),
    "smoothing": st.floats(0, 1),
    "max_age_ms": st.none() | st.floats(0.001, 1e9),
}
WRONG = [{"explain": "lime"}, {"max_faces": 0}, {"max_faces": 51}, {"smoothing": 2}, {"target": "bored"}, {"x": 1}]
# What ends a session, and with which code.
FATAL: list[tuple[str | bytes, int]] = [
    ("not JSON", 1007),
    ('"text"', 1003),
    ('{"type": "session.created"}', 1003),
    ("[" * 4097, 1009),
    (bytes(2**21 + 1), 1009),
]


class Conversation(RuleBasedStateMachine):
    """One session after the other, and what is expected of the one that is open."""

    address: ClassVar[str]

    def __init__(self) -> None:
        super().__init__()
        self._held = ExitStack()
        self.open()

    @precondition(lambda self: self.is_over)
    @rule()
    def open(self) -> None:
        url, protocols = f"ws://{self.address}/v1/stream", [Subprotocol("fer.v1")]
        self.socket = self._held.enter_context(
            connect(url, subprotocols=protocols, max_size=None, open_timeout=PATIENCE_S)
        )
        self.sent: list[int] = []
        self.answers: list[dict[str, Any]] = []
        self.is_over = False
        created = self._receive()
        assert created["type"] == "session.created"
        self.configuration = created["configuration"]

    # --- what a client does ------------------------------------------------------------------------

    @precondition(lambda self: not self.is_over)
    @rule(picture=st.sampled_from(PICTURES + JUNK), number=st.none() | st.integers(0, 2**32 - 1))
    def send_frame(self, picture: bytes, number: int | None) -> None:
        if number is None:
            # Bytes that begin as a header does are one.
            is_header = picture.startswith(b"FER1") and len(picture) >= 16
            self.sent.append(int.from_bytes(picture[4:8], "big") if is_header else len(self.sent) + 1)
        else:
            self.sent.append(number)
            picture = struct.pack(">4sId", b"FER1", number, 0.0) + picture
        self.socket.send(picture)

    @precondition(lambda self: not self.is_over)
    @rule(changes=st.fixed_dictionaries({}, optional=RIGHT))
    def configure(self, changes: dict[str, Any]) -> None:
        self._send({"type": "session.update", **changes})
        answer = self._answer_to_command()
        self.configuration = {**self.configuration, **changes}
        assert answer == {"type": "session.updated", "configuration": self.configuration}

    @precondition(lambda self: not self.is_over)
    @rule(changes=st.sampled_from(WRONG), others=st.fixed_dictionaries({}, optional=RIGHT))
    def configure_wrongly(self, changes: dict[str, Any], others: dict[str, Any]) -> None:
        """An error that names the option; nothing of the message is in force."""
        self._send({"type": "session.update", **others, **changes})
        answer = self._answer_to_command()
        assert (answer["type"], answer["code"], answer["frame_id"]) == ("error", "invalid_option", None)
        assert next(iter(changes)) in answer["detail"]

    @precondition(lambda self: not self.is_over)
    @rule(payload=st.binary(max_size=125))
    def ping(self, payload: bytes) -> None:
        assert self.socket.ping(payload).wait(PATIENCE_S), "no pong has come"

    @precondition(lambda self: not self.is_over and self.sent)
    @rule()
    def read_answers(self) -> None:
        """Until every frame has one."""
        while len(self.answers) < len(self.sent):
            self.answers.append(self._receive())

    @precondition(lambda self: not self.is_over)
    @rule()
    def close(self) -> None:
        self._send({"type": "session.close"})
        self._end(1000)
        assert len(self.answers) == len(self.sent), "frames without an answer"

    @precondition(lambda self: not self.is_over)
    @rule(message=st.sampled_from(FATAL))
    def break_off(self, message: tuple[str | bytes, int]) -> None:
        said, code = message
        self.socket.send(said)
        if isinstance(said, bytes):
            self.sent.append(-1)
        self._end(code)

    # --- what holds at any time ----------------------------------------------------------------------

    @invariant()
    def answers_are_those_of_the_frames(self) -> None:
        assert Counter(answer["frame_id"] for answer in self.answers) <= Counter(self.sent)

    @invariant()
    def the_newest_frame_is_not_superseded(self) -> None:
        if len(self.answers) == len(self.sent) and self.sent.count(self.sent[-1] if self.sent else -1) == 1:
            (last,) = (answer for answer in self.answers if answer["frame_id"] == self.sent[-1])
            assert last.get("reason") != "superseded"

    def teardown(self) -> None:
        self._held.close()

    # --- messages ------------------------------------------------------------------------------------

    def _send(self, message: dict[str, Any]) -> None:
        self.socket.send(json.dumps(message))

    def _receive(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self.socket.recv(timeout=PATIENCE_S))
        SERVER_MESSAGE.validate(message)
        return message

    def _answer_to_command(self) -> dict[str, Any]:
        """The answers of frames may come before."""
        while (message := self._receive()).get("frame_id") is not None:
            self.answers.append(message)
        return message

    def _end(self, code: int) -> None:
        """The answers that still come, the counts in session.closed, and the close code."""
        while (message := self._receive())["type"] != "session.closed":
            self.answers.append(message)
        kinds = Counter(answer["type"] for answer in self.answers)
        counted = {"processed": kinds["result"], "dropped": kinds["dropped"], "errors": kinds["error"]}
        assert message["frames"] == {"received": len(self.sent), **counted}
        with pytest.raises(ConnectionClosed) as caught:
            self.socket.recv(timeout=PATIENCE_S)
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == code
        self.is_over = True


def test_sessions_are_answered_as_the_document_says(address: str) -> None:
    Conversation.address = address
    run_state_machine_as_test(Conversation, settings=tries(5))
