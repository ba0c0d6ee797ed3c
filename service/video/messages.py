"""The options of a video, and the lines of its answer."""

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from .. import analysis, schemas
from ..descriptions import DEFAULT_FPS
from ..schemas import SEARCHED_FROM_PX, Face, Outgoing, PredictOptions, ProblemMembers, Smoothing
from .timeline import Track


class VideoOptions(PredictOptions):
    """Those of an image, for each frame, and which frames; an unknown one is refused."""

    fps: float = Field(DEFAULT_FPS, gt=0, le=60, description="frames analysed a second, at most")
    from_s: float = Field(
        0.0,
        ge=0,
        allow_inf_nan=False,
        description="begin at this time, seconds; 0 is where the video begins, whatever its own clock says",
    )
    to_s: float | None = Field(
        None, gt=0, allow_inf_nan=False, description="end before this time, seconds; by default at the video's end"
    )
    format: Literal["ndjson", "webvtt", "csv", "mp4", "webm"] = Field(
        "ndjson",
        description="`ndjson`: a JSON object per line; `webvtt`: subtitles; `csv`: a row per face and frame; `mp4` and "
        "`webm`: the video itself (VP9, no sound, at most 1280 pixels wide or high) with boxes, labels and, with "
        "`explain=gradcam`, a heatmap drawn",
    )
    smoothing: Smoothing = 0.0

    @field_validator("to_s")
    @classmethod
    def _ends_after_it_begins(cls, to_s: float | None, info: ValidationInfo) -> float | None:
        if to_s is not None and to_s <= info.data.get("from_s", 0.0):
            raise ValueError("it must be after from_s")
        return to_s

    @field_validator("format")
    @classmethod
    def _can_hold_heatmaps(cls, value: str, info: ValidationInfo) -> str:
        if value in ("webvtt", "csv") and info.data.get("explain") == "gradcam":
            raise ValueError("heatmaps fit into ndjson, mp4 and webm only")
        if value in ("mp4", "webm") and info.data.get("target") == "all":
            raise ValueError("one heatmap is drawn on each face; target is top or a label")
        if value in ("mp4", "webm") and info.data.get("heatmap") == "overlay":
            raise ValueError("heatmaps are drawn on the frames themselves; leave heatmap out")
        return value

    @property
    def is_drawn(self) -> bool:
        """Whether the answer is the video itself."""
        return self.format in ("mp4", "webm")


class VideoFrame(Outgoing):
    """A frame that was analysed."""

    type: Literal["frame"] = "frame"
    index: int = Field(description="number among the frames analysed, from 0")
    time_s: float = Field(description="the frame's time, seconds from the video's beginning")
    faces: list[Face]
    searched_from_px: int | None = SEARCHED_FROM_PX


class VideoTrack(Outgoing):
    """One face from the first frame that shows it to the last."""

    track_id: int
    from_s: float
    to_s: float
    mean: dict[str, float] = Field(description="the mean of its frames' probabilities, each counted once, not smoothed")
    dominant: str = Field(description="the label with the highest mean")
    mean_votes: dict[str, float] | None = Field(
        None, description="the mean of its frames' votes; null where the model has no votes head"
    )


class VideoSummary(Outgoing):
    """The last line of a video that was read to its end, or to `to_s`."""

    type: Literal["summary"] = "summary"
    duration_s: float = Field(
        description="of the whole video: what the file says, or the end of the last frame read where that is later"
    )
    frames_read: int = Field(description="frames between `from_s` and `to_s`")
    frames_analysed: int
    tracks: list[VideoTrack]


class VideoError(ProblemMembers):
    """The last line, instead of the summary, where the rest of a video cannot be read; all lines before it stay valid.

    A problem's members, but for its `type`: that name is the line's here.
    """

    type: Literal["error"] = "error"


def video_frame(
    index: int, time_s: float, faces: tuple[analysis.Face, ...], searched_from_px: int | None
) -> VideoFrame:
    return VideoFrame(
        index=index,
        time_s=_microseconds(time_s),
        faces=[schemas.face(face) for face in faces],
        searched_from_px=searched_from_px,
    )


def video_track(track: Track, labels: tuple[str, ...]) -> VideoTrack:
    mean, *votes = track.mean
    return VideoTrack(
        track_id=track.number,
        from_s=_microseconds(track.from_s),
        to_s=_microseconds(track.to_s),
        mean=dict(zip(labels, mean.tolist(), strict=True)),
        dominant=labels[int(mean.argmax())],
        mean_votes=dict(zip(labels, votes[0].tolist(), strict=True)) if votes else None,
    )


def _microseconds(time_s: float) -> float:
    """No container's clock is finer; further digits are only what a fraction leaves."""
    return round(time_s, 6)
