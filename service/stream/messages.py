"""The messages of fer.v1: what a client sends as text, and what the service answers."""

from typing import Literal

from pydantic import Field, PositiveInt

from ..analysis import Options
from ..descriptions import Limits
from ..schemas import (
    MAX_FACES,
    Detector,
    Explain,
    Head,
    Incoming,
    MaxFaces,
    MinFacePx,
    ModelName,
    Outgoing,
    ProblemMembers,
    Result,
    Smoothing,
    Target,
)

# --- from the client ---------------------------------------------------------------------------


class StreamOptions(Incoming):
    """What a WebSocket session does with each frame; `session.update` changes any part of it."""

    explain: Explain = "none"
    explain_every: PositiveInt = Field(1, le=1_000_000, description="explain every n-th frame that is analysed")
    target: Target = "top"
    head: Head = "emotions"
    max_faces: MaxFaces = MAX_FACES
    min_face_px: MinFacePx = None
    detector: Detector = None
    smoothing: Smoothing = 0.0
    max_age_ms: float | None = Field(
        None, gt=0, allow_inf_nan=False, description="a frame that has waited longer is answered `dropped` (`stale`)"
    )

    def options(self, analysed: int) -> Options:
        """Options for the frame after `analysed` others."""
        explain = self.explain if analysed % self.explain_every == 0 else "none"
        return Options(
            explain=explain,
            target=self.target,
            head=self.head,
            max_faces=self.max_faces,
            min_face_px=self.min_face_px,
            detector=self.detector,
        )


class SessionUpdate(StreamOptions):
    """Client: change some of the configuration. What is left out stays as it is."""

    type: Literal["session.update"]


class SessionClose(Incoming):
    """Client: end the session; frames that were sent before are answered first."""

    type: Literal["session.close"]


# --- from the service --------------------------------------------------------------------------


class StreamModel(ModelName):
    crop_margin: float


class SessionCreated(Outgoing):
    """Server: the first message."""

    type: Literal["session.created"] = "session.created"
    session_id: str
    limits: Limits
    labels: list[str]
    model: StreamModel
    credits: int = Field(description="frames that may wait for an answer at once; each answer gives one back")
    configuration: StreamOptions


class SessionUpdated(Outgoing):
    """Server: the configuration in force after a session.update."""

    type: Literal["session.updated"] = "session.updated"
    configuration: StreamOptions


class StreamResult(Result):
    """Server: the faces of a frame."""

    type: Literal["result"] = "result"
    frame_id: int
    age_ms: float = Field(description="milliseconds from the frame's arrival to this answer")


class FrameDropped(Outgoing):
    """Server: a frame that was not analysed, because a newer one came or it had waited too long."""

    type: Literal["dropped"] = "dropped"
    frame_id: int
    reason: Literal["superseded", "stale"]


class StreamError(ProblemMembers):
    """Server: a frame (or, without `frame_id`, a text message) that is wrong; the session goes on.

    A problem's members, but for its `type`: that name is the message's here.
    """

    type: Literal["error"] = "error"
    frame_id: int | None


class FrameCounts(Outgoing):
    received: int
    processed: int
    dropped: int
    errors: int


class SessionClosed(Outgoing):
    """Server: the last message, before the connection is closed."""

    type: Literal["session.closed"] = "session.closed"
    reason: str
    frames: FrameCounts
