"""fer.v1: how frames and text messages are read, and why a session is closed."""

import struct
import time
from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated, Self

from pydantic import Field, TypeAdapter, ValidationError

from ..descriptions import MAX_TEXT_CHARS
from ..problems import InvalidOption, said
from .messages import SessionClose, SessionUpdate

PROTOCOL = "fer.v1"
# "FER1", the frame id, the client's capture time in milliseconds; big-endian. The time is read on the client's own
# clock, and the frame id is enough for the client to find it again: the service does not use it.
HEADER = struct.Struct(">4sId")
MAGIC = b"FER1"

# How pydantic names JSON that is neither of the two commands.
_FOREIGN = {"dict_type", "model_attributes_type", "union_tag_invalid", "union_tag_not_found"}

Command = SessionUpdate | SessionClose
_commands: TypeAdapter[Command] = TypeAdapter(Annotated[Command, Field(discriminator="type")])


class CloseCode(IntEnum):
    """Why a WebSocket is closed (RFC 6455, 7.4); from 4000 on the codes are our own. `meaning` is for documents."""

    meaning: str

    def __new__(cls, code: int, meaning: str) -> Self:
        member = int.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member

    NORMAL = 1000, "the client sent session.close, and all its frames were answered"
    GOING_AWAY = 1001, "the service is shutting down"
    PROTOCOL_ERROR = 1002, f"the client offers other subprotocols than {PROTOCOL}, or sent no valid WebSocket frame"
    UNSUPPORTED_DATA = 1003, "a text message is neither session.update nor session.close"
    INVALID_PAYLOAD = 1007, "a text message is not JSON in UTF-8"
    POLICY_VIOLATION = 1008, "the client did not read its answers within stream_send_s"
    MESSAGE_TOO_BIG = 1009, "a frame is larger than max_frame_bytes, or a text message longer than max_text_chars"
    INTERNAL_ERROR = 1011, "a fault of the service, or the client did not answer pings"
    TRY_AGAIN_LATER = (
        1013,
        "max_streams sessions are open, or the client has its share of them or asks too often, or there is no memory "
        "left for a frame",
    )
    NO_KEY = 4401, "the service needs a key, and the client sent none that it knows; outside browsers this is HTTP 401"
    IDLE = 4408, "the client sent nothing for stream_idle_s"
    SESSION_TOO_LONG = 4409, "the session lasted stream_session_s"
    TOO_MANY_MESSAGES = (
        4429,
        "within ten seconds more than stream_abuse of these: frames sent without a credit, frames that cannot be "
        "decoded, text messages; or so many pings or small fragments",
    )


class Closing(Exception):
    """Ends the session with a close code; `farewell`: session.closed is sent before, with the reason."""

    def __init__(self, code: CloseCode, reason: str, *, farewell: bool = True):
        self.code, self.reason, self.farewell = code, reason, farewell


@dataclass(frozen=True)
class Frame:
    """One image file's bytes, its number, and when it arrived (perf_counter seconds)."""

    number: int
    body: bytes
    arrived: float

    @property
    def age_ms(self) -> float:
        return (time.perf_counter() - self.arrived) * 1000


def read_frame(message: bytes, count: int) -> Frame:
    """A binary message, the `count`-th of its session: that is its number unless it has a header with another."""
    arrived = time.perf_counter()
    if len(message) < HEADER.size or not message.startswith(MAGIC):
        return Frame(count, message, arrived)
    _, number, _ = HEADER.unpack_from(message)
    return Frame(number, message[HEADER.size :], arrived)


def read_command(text: str) -> Command:
    """A text message. Raises Closing where it is no command, InvalidOption that names each wrong option."""
    if len(text) > MAX_TEXT_CHARS:
        raise Closing(CloseCode.MESSAGE_TOO_BIG, f"a text message has at most {MAX_TEXT_CHARS} characters")
    try:
        return _commands.validate_json(text, strict=True)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False)
    kinds = {fault["type"] for fault in faults}
    if "json_invalid" in kinds:
        raise Closing(CloseCode.INVALID_PAYLOAD, "text messages are JSON")
    if kinds & _FOREIGN:
        raise Closing(CloseCode.UNSUPPORTED_DATA, "text messages are session.update or session.close")
    raise InvalidOption("; ".join(f"{'.'.join(map(str, fault['loc']))}: {said(fault['msg'])}" for fault in faults))
