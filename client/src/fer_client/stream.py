"""The protocol fer.v1 without a socket: credits, the newest frame, and the meaning of the service's messages."""

import json
import struct
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidMessage,
    InvalidProxy,
    InvalidStatus,
    WebSocketException,
)
from websockets.typing import Subprotocol

from fer_client.close_codes import CLOSE_CODES
from fer_client.errors import BadAnswer, FerError, Unreachable
from fer_client.requests import Address
from fer_client.responses import status_error
from fer_client.results import FrameDropped, FrameRefused, SessionCreated, StreamError, StreamResult, read
from fer_client.surroundings import is_excepted, proxy_error, tls

PROTOCOL = "fer.v1"
# "FER1", frame id, capture time in milliseconds; big-endian.
HEADER = struct.Struct(">4sId")
# All labels explained for every face of a crowd, in base64.
MAX_ANSWER_BYTES = 64 * 2**20


class StreamProtocol:
    """What to send and what the answers mean, over one session or several.

    Only the newest frame is kept until there is a credit for it; older ones are forgotten.
    """

    def __init__(self) -> None:
        self._newest: bytes | None = None
        self._credits = 0
        self._frame_id = 0
        self._in_flight: dict[int, bytes] = {}
        self._ended = False
        self._closing = False

    def start_session(self, credits: int) -> None:
        """A new session: frames in flight in an earlier one will never be answered."""
        self._credits = credits
        self._in_flight.clear()
        self._closing = False

    def offer(self, frame: bytes) -> None:
        """A new frame, an image file's bytes, in place of one that still waits."""
        self._newest = frame

    def end(self) -> None:
        """There will be no more frames."""
        self._ended = True

    @property
    def done(self) -> bool:
        """Whether there are no more frames and all that were sent have been answered."""
        return self._ended and self._newest is None and not self._in_flight

    def next_message(self) -> bytes | str | None:
        """The message to send now: a frame that has a credit, or at the end, once, session.close; else None."""
        if self.done and not self._closing:
            self._closing = True
            return json.dumps({"type": "session.close"})
        if self._newest is None or self._credits == 0:
            return None
        frame, self._newest = self._newest, None
        self._credits -= 1
        self._frame_id += 1
        self._in_flight[self._frame_id] = frame
        return HEADER.pack(b"FER1", self._frame_id, time.time() * 1000) + frame

    def receive(self, message: str | bytes) -> StreamResult | FrameRefused | None:
        """What a message of the service means to the caller; None for one that concerns the protocol alone.

        Raises ServiceError where the session's options are refused, BadAnswer for a message that is not fer.v1.
        """
        document = _parsed(message)
        match document.get("type"):
            case "result":
                result = read(StreamResult, document)
                return replace(result, frame=self._settle(result.frame_id))
            case "error":
                problem = read(StreamError, document)
                if problem.frame_id is None:
                    raise problem.error()
                self._settle(problem.frame_id)
                return FrameRefused(frame_id=problem.frame_id, error=problem.error())
            case "dropped":
                self._settle(read(FrameDropped, document).frame_id)
        return None

    def _settle(self, frame_id: int) -> bytes:
        """A frame has been answered and its credit is back: the frame's bytes, empty for an unknown frame."""
        frame = self._in_flight.pop(frame_id, None)
        if frame is None:
            return b""
        self._credits += 1
        return frame


def session_credits(message: str | bytes) -> int:
    """Credits of the session that this first message opens. Raises BadAnswer for another message."""
    document = _parsed(message)
    if document.get("type") != "session.created":
        raise BadAnswer("the stream did not begin with session.created")
    return read(SessionCreated, document).credits


def session_update(options: Mapping[str, Any]) -> str:
    """The message that sets these options."""
    return json.dumps({"type": "session.update", **options})


def handshake(address: Address, timeout_s: float, headers: Mapping[str, str]) -> dict[str, Any]:
    """The arguments with which both clients connect; `headers` are those of their requests. Raises Unreachable."""
    return {
        "uri": address.stream_url,
        "ssl": tls(address),
        # True: as the environment says.
        "proxy": None if is_excepted(address) else True,
        "subprotocols": [Subprotocol(PROTOCOL)],
        "user_agent_header": None,
        "additional_headers": dict(headers),
        # JPEG does not get any smaller.
        "compression": None,
        "open_timeout": timeout_s,
        "close_timeout": 2,
        "max_size": MAX_ANSWER_BYTES,
    }


def stream_error(error: Exception, address: Address) -> FerError:
    """The error for a failed handshake or a closed connection."""
    if isinstance(error, InvalidProxy | ImportError):
        return proxy_error(address, error)
    if isinstance(error, InvalidStatus):
        response = error.response
        message = f"{address} answered {response.status_code} to the handshake of a stream"
        return status_error(response.status_code, response.body, response.headers.get("Retry-After"), message)
    if isinstance(error, ConnectionClosed) and error.rcvd is not None:
        code, reason = error.rcvd.code, error.rcvd.reason
        if code in CLOSE_CODES:
            return CLOSE_CODES[code].error(reason)
        return BadAnswer(f"{address} closed the stream with code {code}, which this client does not know: {reason}")
    # A connection that ends before the answer to the handshake is complete is an InvalidMessage.
    if isinstance(error, InvalidHandshake) and not isinstance(error, InvalidMessage):
        return BadAnswer(f"{address} does not open a stream: {error}")
    if isinstance(error, WebSocketException):
        return Unreachable(f"the stream to {address} was lost: {error}")
    return Unreachable(f"nobody answers at {address}: {str(error) or 'timed out'}")


def _parsed(message: str | bytes) -> dict[str, Any]:
    try:
        document = json.loads(message)
    except ValueError as error:
        raise BadAnswer("a message of the stream is not JSON") from error
    if not isinstance(document, dict):
        raise BadAnswer("a message of the stream is not a JSON object")
    return document
