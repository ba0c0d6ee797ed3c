"""The protocol fer.v1 without a socket: credits, the newest frame, and what the service's messages mean."""

import json
import struct
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage, InvalidStatus, WebSocketException
from websockets.typing import Subprotocol

from fer_client.errors import BadAnswer, FerError, ServiceError, Unreachable
from fer_client.results import FrameDropped, FrameRefused, SessionCreated, StreamError, StreamResult, read
from fer_client.wire import Target, refusal

PROTOCOL = "fer.v1"
# "FER1", frame id, capture time in milliseconds; big-endian.
_HEADER = struct.Struct(">4sId")
# Seven labels explained for every face of a crowd, in base64.
MAX_ANSWER_BYTES = 64 * 2**20

# What a close code says, as the status and code of the same problem over HTTP.
_CLOSED = {
    1001: (503, "draining"),
    1009: (413, "body_too_large"),
    1011: (500, "internal"),
    1012: (503, "draining"),
    1013: (503, "overloaded"),
    4401: (401, "unauthorized"),
    4408: (503, "idle"),
    4409: (503, "session_too_long"),
    4429: (429, "rate_limited"),
}
# Sent away for good: a client that came back at once would be sent away again.
_FINAL = {1009, 4401, 4429}


class Flow:
    """The newest frame waits here until there is a credit; what is older is forgotten."""

    def __init__(self) -> None:
        self._newest: bytes | None = None
        self._credits = 0
        self._number = 0
        self._under_way: dict[int, bytes] = {}
        self._ended = False
        self._closing = False

    def greet(self, credits: int) -> None:
        """A new session: what was under way in an earlier one will never be answered."""
        self._credits = credits
        self._under_way.clear()
        self._closing = False

    def offer(self, frame: bytes) -> None:
        self._newest = frame

    def end(self) -> None:
        """There will be no more frames."""
        self._ended = True

    def next_message(self) -> bytes | str | None:
        """The message to send now: a frame, if there is one and a credit for it; at the end, once, the goodbye."""
        if self.done and not self._closing:
            self._closing = True
            return json.dumps({"type": "session.close"})
        if self._newest is None or self._credits == 0:
            return None
        frame, self._newest = self._newest, None
        self._credits -= 1
        self._number += 1
        self._under_way[self._number] = frame
        return _HEADER.pack(b"FER1", self._number, time.time() * 1000) + frame

    def settle(self, frame_id: int) -> bytes:
        """An answer has come: its credit is back. The frame that was sent."""
        frame = self._under_way.pop(frame_id, None)
        if frame is None:
            return b""
        self._credits += 1
        return frame

    @property
    def done(self) -> bool:
        """Every frame there was has been answered."""
        return self._ended and self._newest is None and not self._under_way

    def hear(self, message: str | bytes) -> StreamResult | FrameRefused | None:
        """What a message means for the caller; None for what is between the two programs.

        Raises ServiceError where the session's options were refused, BadAnswer for what is not fer.v1.
        """
        said = _parsed(message)
        match said.get("type"):
            case "result":
                result = read(StreamResult, said)
                return replace(result, frame=self.settle(result.frame_id))
            case "error":
                problem = read(StreamError, said)
                if problem.frame_id is None:
                    raise problem.error()
                self.settle(problem.frame_id)
                return FrameRefused(frame_id=problem.frame_id, error=problem.error())
            case "dropped":
                self.settle(read(FrameDropped, said).frame_id)
        return None


def greeting_credits(message: str | bytes) -> int:
    """Credits of the session that this first message opens."""
    said = _parsed(message)
    if said.get("type") != "session.created":
        raise BadAnswer("the stream did not begin with session.created")
    return read(SessionCreated, said).credits


def session_update(options: Mapping[str, Any]) -> str:
    return json.dumps({"type": "session.update", **options})


def handshake(target: Target, timeout_s: float) -> dict[str, Any]:
    """How both clients connect. A key goes along as a header and, as browsers must, as a second subprotocol."""
    protocols = [PROTOCOL] if target.key is None else [PROTOCOL, target.key]
    headers = target.headers
    return {
        "subprotocols": [Subprotocol(name) for name in protocols],
        "user_agent_header": headers.pop("User-Agent"),
        "additional_headers": headers,
        # JPEG does not shrink any further.
        "compression": None,
        "open_timeout": timeout_s,
        "close_timeout": 2,
        "max_size": MAX_ANSWER_BYTES,
    }


def stream_lost(error: Exception, target: Target) -> FerError:
    """The error that a failed handshake or a closed connection stands for."""
    if isinstance(error, InvalidStatus):
        answer = error.response
        said = f"{target.name} answered {answer.status_code} to the handshake of a stream"
        return refusal(answer.status_code, answer.body, answer.headers.get("Retry-After"), said)
    if isinstance(error, ConnectionClosed) and error.rcvd is not None:
        return _closed(error.rcvd.code, error.rcvd.reason, target)
    # A connection that ends before the answer to the handshake is complete is an InvalidMessage.
    if isinstance(error, InvalidHandshake) and not isinstance(error, InvalidMessage):
        return BadAnswer(f"{target.name} does not open a stream: {error}")
    if isinstance(error, WebSocketException):
        return Unreachable(f"the stream to {target.name} was lost: {error}")
    return Unreachable(f"nobody answers at {target.name}: {str(error) or 'timed out'}")


def _closed(code: int, reason: str, target: Target) -> FerError:
    detail = f"{target.name} closed the stream: {reason or code}"
    if code not in _CLOSED:
        return BadAnswer(f"{detail} (close code {code})")
    status, name = _CLOSED[code]
    error = ServiceError(name, status, detail)
    error.retryable = code not in _FINAL
    return error


def _parsed(message: str | bytes) -> dict[str, Any]:
    try:
        said = json.loads(message)
    except ValueError as error:
        raise BadAnswer("a message of the stream is no JSON") from error
    if not isinstance(said, dict):
        raise BadAnswer("a message of the stream is no JSON object")
    return said
