"""fer.v1: what a client's messages say, and how they are told from what is none."""

import struct
import time
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from ..problems import InvalidOption
from ..schemas import MAX_TEXT_CHARS, SessionClose, SessionUpdate

PROTOCOL = "fer.v1"
# "FER1", frame id, the client's capture time in milliseconds; big-endian. The time is the client's own
# clock and comes back to it by the frame id, so the service has no use for it.
HEADER = struct.Struct(">4sId")
MAGIC = b"FER1"

# What pydantic calls JSON that is neither of the two commands.
_FOREIGN = {"dict_type", "model_attributes_type", "union_tag_invalid", "union_tag_not_found"}

Command = SessionUpdate | SessionClose
_commands: TypeAdapter[Command] = TypeAdapter(Annotated[Command, Field(discriminator="type")])


class Closing(Exception):
    """The session ends with this WebSocket close code; `farewell`: session.closed is said before."""

    def __init__(self, code: int, reason: str, *, farewell: bool = True):
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
    """A binary message, the session's `count`-th, which is its number unless a header says another."""
    arrived = time.perf_counter()
    if len(message) < HEADER.size or not message.startswith(MAGIC):
        return Frame(count, message, arrived)
    _, number, _ = HEADER.unpack_from(message)
    return Frame(number, message[HEADER.size :], arrived)


def read_command(text: str) -> Command:
    """A text message. Raises Closing where it is none of ours, InvalidOption that names each option at fault."""
    if len(text) > MAX_TEXT_CHARS:
        raise Closing(1009, f"a text message has at most {MAX_TEXT_CHARS} characters")
    try:
        return _commands.validate_json(text, strict=True)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False)
    kinds = {fault["type"] for fault in faults}
    if "json_invalid" in kinds:
        raise Closing(1007, "text messages are JSON")
    if kinds & _FOREIGN:
        raise Closing(1003, "text messages are session.update or session.close")
    raise InvalidOption("; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in faults))
