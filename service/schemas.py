"""Everything on the wire, REST and WebSocket: what comes in, what goes out."""

import base64
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationInfo, field_validator

from . import analysis
from .analysis import Analysis, Options
from .classifier import Contract
from .settings import Settings
from .video.timeline import Track


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Out(BaseModel):
    model_config = ConfigDict(frozen=True)


# Of a WebSocket client's text: far more than every option takes, and a long list of wrong ones is not answered.
MAX_TEXT_CHARS = 4096

# --- in ----------------------------------------------------------------------------------------

Explain = Annotated[
    Literal["none", "gradcam"], Field(description="`gradcam` adds a heatmap of what in the face spoke for a label")
]
MaxFaces = Annotated[PositiveInt, Field(description="at most so many faces, largest first")]
MinFacePx = Annotated[
    PositiveInt | None,
    Field(description="look for faces at least so many pixels wide; by default a sixteenth of the longer side"),
]
# Off unless asked for: an answer is then what the network says of that very frame, calibrated, as everywhere else.
Smoothing = Annotated[
    float,
    Field(
        ge=0,
        le=1,
        description="averages a track's probabilities: the weight that a frame keeps after one second, so that "
        "0 is each frame by itself and 1 the mean of the whole track; heatmaps stay those of the frame",
    ),
]


Target = Annotated[str, Field(description="the label to explain: `top`, `all`, or one of the model's labels")]


class PredictOptions(_In):
    """Query options of the predict endpoints; an unknown one is refused."""

    explain: Explain = "none"
    heatmap: Literal["map", "overlay"] = Field(
        "map", description="`map`: grey PNG of the crop's size in the model; `overlay`: JPEG of the face in colour"
    )
    target: Target = "top"
    max_faces: MaxFaces = 10
    min_face_px: MinFacePx = None
    crop: Literal["detect", "whole"] = Field(
        "detect", description="`whole`: the image is a face already, nothing is looked for"
    )

    def options(self) -> Options:
        return Options(**self.model_dump())


class PredictBody(_In):
    """The JSON form of an image."""

    image: str = Field(description="base64 of a JPEG, PNG or WebP file, or a data URI of it", examples=["/9j/4AAQ…"])


class StreamOptions(_In):
    """What a WebSocket session does with each frame; `session.update` changes any part of it."""

    explain: Explain = "none"
    explain_every: PositiveInt = Field(1, description="explain every n-th frame that is analysed")
    target: Target = "top"
    max_faces: MaxFaces = 10
    min_face_px: MinFacePx = None
    smoothing: Smoothing = 0.0
    max_age_ms: float | None = Field(
        None, gt=0, allow_inf_nan=False, description="a frame that has waited longer is answered `dropped` (`stale`)"
    )

    def options(self, analysed: int) -> Options:
        """Options for the frame after `analysed` others."""
        explain = self.explain if analysed % self.explain_every == 0 else "none"
        return Options(explain=explain, target=self.target, max_faces=self.max_faces, min_face_px=self.min_face_px)


class VideoOptions(PredictOptions):
    """Those of an image, for each frame, and which frames; an unknown one is refused."""

    fps: float = Field(5.0, gt=0, le=60, description="frames analysed a second, at most")
    from_s: float = Field(0.0, ge=0, allow_inf_nan=False, description="begin at this time, seconds")
    to_s: float | None = Field(
        None, gt=0, allow_inf_nan=False, description="end before this time, seconds; by default at the video's end"
    )
    format: Literal["ndjson", "webvtt", "csv"] = Field(
        "ndjson",
        description="`ndjson`: a JSON object per line; `webvtt`: subtitles; `csv`: a row per face and frame",
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
    def _has_room(cls, form: str, info: ValidationInfo) -> str:
        if form != "ndjson" and info.data.get("explain") == "gradcam":
            raise ValueError("only ndjson has room for heatmaps")
        return form

    def options(self) -> Options:
        return Options(**self.model_dump(include=set(PredictOptions.model_fields)))


# --- out ---------------------------------------------------------------------------------------


class Box(_Out):
    """Whole pixels of the upright image (EXIF orientation applied), from its top left corner."""

    x: int
    y: int
    width: int
    height: int


class Detection(_Out):
    detector: str | None = Field(description="null with `crop=whole`")
    weight: float | None = Field(description="weight of the cascade's last stage; no probability")


class Quality(_Out):
    sharpness: float = Field(description="variance of the Laplacian of the crop that the network saw")
    brightness: float = Field(description="mean grey of that crop, 0 black to 1 white")
    warnings: list[Literal["small", "blurred", "dark", "bright"]]


class Explanation(_Out):
    method: Literal["gradcam"] = "gradcam"
    target: str
    media_type: str
    width: int
    height: int
    data: str = Field(description="base64")


class Face(_Out):
    box: Box
    detection: Detection
    emotion: str
    confidence: float = Field(description="calibrated probability of `emotion`")
    uncertain: bool = Field(description="true where more than one label is plausible")
    plausible: list[str] = Field(
        description="conformal prediction set: labels that hold the true one in 90 % of faces like the data's, "
        "likeliest first"
    )
    emotions: dict[str, float] = Field(description="all labels in the model's order; they sum to 1")
    quality: Quality
    track_id: int | None = Field(
        None, description="the same while a face stays in view, from 1; null outside streams and videos"
    )
    explanations: list[Explanation]


class ModelName(_Out):
    name: str
    version: str
    sha256: str


class ImageSize(_Out):
    width: int
    height: int


class Result(_Out):
    """The faces of one image, largest first; none is an answer as well."""

    request_id: str
    model: ModelName
    image: ImageSize
    faces: list[Face]
    timing_ms: dict[str, float] = Field(
        description="milliseconds by stage: queue, decode, detect, infer, explain, total",
        examples=[{"queue": 0.1, "decode": 1.0, "detect": 18.0, "infer": 1.5, "explain": 0.2, "total": 21.0}],
    )


class ProblemDocument(_Out):
    """RFC 9457; `code` is stable."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    request_id: str
    limit: float | None = Field(None, description="the limit that was passed, where there is one")


class ModelDescription(_Out):
    """All of it is read from the ONNX file."""

    name: str
    version: str
    sha256: str
    labels: list[str] = Field(description="in index order")
    input: dict[str, Any]
    crop_margin: float = Field(description="share of the face box's side that the crop adds on every side")
    metrics: dict[str, Any] = Field(description="measured at export, on the split that chose the model")
    calibration: dict[str, float]
    explanation: dict[str, Any]
    training: dict[str, str]
    licence: str
    created: str


class Limits(_Out):
    """Every limit in force."""

    max_body_bytes: int
    max_pixels: int
    max_faces: int
    media_types: list[str]
    queue: int
    threads: int
    deadline_s: float
    body_timeout_s: float
    max_videos: int
    max_video_bytes: int
    max_video_pixels: int
    max_video_s: float
    video_body_timeout_s: float
    video_deadline_s: float
    max_streams: int
    max_frame_bytes: int
    max_text_chars: int = MAX_TEXT_CHARS
    stream_credits: int
    stream_idle_s: float
    stream_session_s: float
    stream_send_s: float
    stream_abuse: int


class Status(_Out):
    status: Literal["ok"] = "ok"


class _Error(_Out):
    """A problem's members, but for its `type`: that name is the message's here."""

    type: Literal["error"] = "error"
    title: str
    status: int
    detail: str
    instance: str
    code: str
    request_id: str
    limit: float | None = None


# --- the lines of a video ----------------------------------------------------------------------


class VideoFrame(_Out):
    """A frame that was analysed."""

    type: Literal["frame"] = "frame"
    index: int = Field(description="number among the frames analysed, from 0")
    time_s: float = Field(description="the frame's time in the video, seconds")
    faces: list[Face]


class VideoTrack(_Out):
    """One face from its first to its last sight."""

    track_id: int
    from_s: float
    to_s: float
    mean: dict[str, float] = Field(description="the mean of its frames' probabilities, each counted once, not smoothed")
    dominant: str = Field(description="the label with the highest mean")


class VideoSummary(_Out):
    """The last line of a video that was read to its end, or to `to_s`."""

    type: Literal["summary"] = "summary"
    duration_s: float = Field(description="of the whole video; as far as it was read where the file does not say")
    frames_read: int = Field(description="frames between `from_s` and `to_s`")
    frames_analysed: int
    tracks: list[VideoTrack]


class VideoError(_Error):
    """The last line, instead of the summary, where the rest of a video cannot be read: all before it stands.

    A problem's members, but for its `type`: that name is the line's here.
    """


# --- WebSocket, fer.v1 -------------------------------------------------------------------------


class SessionUpdate(StreamOptions):
    """Client: change some of the configuration. What is left out stays as it is."""

    type: Literal["session.update"]


class SessionClose(_In):
    """Client: say goodbye."""

    type: Literal["session.close"]


class StreamModel(ModelName):
    crop_margin: float


class SessionCreated(_Out):
    """Server: the first message."""

    type: Literal["session.created"] = "session.created"
    session_id: str
    limits: Limits
    labels: list[str]
    model: StreamModel
    credits: int = Field(description="frames that may be under way; each answer gives one back")
    configuration: StreamOptions


class SessionUpdated(_Out):
    type: Literal["session.updated"] = "session.updated"
    configuration: StreamOptions


class StreamResult(Result):
    type: Literal["result"] = "result"
    frame_id: int
    age_ms: float = Field(description="milliseconds from the frame's arrival to this answer")


class FrameDropped(_Out):
    type: Literal["dropped"] = "dropped"
    frame_id: int
    reason: Literal["superseded", "stale"]


class StreamError(_Error):
    """Server: a frame (or, without `frame_id`, a message) that could not be taken; the session goes on.

    A problem's members, but for its `type`: that name is the message's here.
    """

    frame_id: int | None


class FrameCounts(_Out):
    received: int
    processed: int
    dropped: int
    errors: int


class SessionClosed(_Out):
    type: Literal["session.closed"] = "session.closed"
    reason: str
    frames: FrameCounts


# --- from the pipeline's values ----------------------------------------------------------------


def model_name(contract: Contract) -> ModelName:
    return ModelName(name=contract.name, version=contract.version, sha256=contract.sha256)


def result(found: Analysis, contract: Contract, request_id: str, queue_ms: float, total_ms: float) -> Result:
    """An analysis as it goes over the wire; `total_ms` runs from the body's arrival."""
    return Result(
        request_id=request_id,
        model=model_name(contract),
        image=ImageSize(width=found.size_wh[0], height=found.size_wh[1]),
        faces=[_face(face, contract.labels) for face in found.faces],
        timing_ms={
            name: round(value, 3) for name, value in {"queue": queue_ms, **found.timing_ms, "total": total_ms}.items()
        },
    )


def video_frame(index: int, time_s: float, faces: tuple[analysis.Face, ...], labels: tuple[str, ...]) -> VideoFrame:
    return VideoFrame(index=index, time_s=_microseconds(time_s), faces=[_face(face, labels) for face in faces])


def video_track(track: Track, labels: tuple[str, ...]) -> VideoTrack:
    return VideoTrack(
        track_id=track.number,
        from_s=_microseconds(track.from_s),
        to_s=_microseconds(track.to_s),
        mean=dict(zip(labels, track.mean.tolist(), strict=True)),
        dominant=labels[int(track.mean.argmax())],
    )


def _microseconds(time_s: float) -> float:
    """No container's clock is finer; the rest is what is left of a fraction."""
    return round(time_s, 6)


def _face(face: analysis.Face, labels: tuple[str, ...]) -> Face:
    top = int(face.probabilities.argmax())
    emotions = dict(zip(labels, face.probabilities.tolist(), strict=True))
    return Face(
        box=Box(x=face.box.x, y=face.box.y, width=face.box.width, height=face.box.height),
        detection=Detection(detector=face.detector, weight=face.weight),
        emotion=labels[top],
        confidence=emotions[labels[top]],
        uncertain=len(face.plausible) > 1,
        plausible=[labels[index] for index in face.plausible],
        emotions=emotions,
        quality=Quality(
            sharpness=face.sharpness,
            brightness=face.brightness,
            warnings=list(face.warnings),
        ),
        track_id=face.track_id,
        explanations=[
            Explanation(
                target=explained.target,
                media_type=explained.media_type,
                width=explained.size_wh[0],
                height=explained.size_wh[1],
                data=base64.b64encode(explained.data).decode("ascii"),
            )
            for explained in face.explanations
        ],
    )


def model_description(contract: Contract) -> ModelDescription:
    width, height = contract.size_wh
    return ModelDescription(
        name=contract.name,
        version=contract.version,
        sha256=contract.sha256,
        labels=list(contract.labels),
        input={"name": "faces", "type": "uint8", "colour": "grey", "width": width, "height": height},
        crop_margin=contract.crop_margin,
        metrics=contract.metrics,
        calibration={"temperature": contract.temperature, "plausible_threshold": contract.plausible_threshold},
        explanation={
            "method": "gradcam",
            "layer": contract.heatmap_layer,
            "width": contract.heatmap_wh[0],
            "height": contract.heatmap_wh[1],
        },
        training={
            "data_sha256": contract.data_sha256,
            "code_version": contract.code_version,
            "seed": contract.seed,
        },
        licence=contract.licence,
        created=contract.created,
    )


def limits(settings: Settings, media_types: tuple[str, ...]) -> Limits:
    shared = set(Limits.model_fields) & set(Settings.model_fields)
    return Limits(media_types=list(media_types), **{name: getattr(settings, name) for name in shared})
