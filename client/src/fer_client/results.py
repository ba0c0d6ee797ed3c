"""The service's results as frozen values. Members that only a newer service sends are in `raw` alone."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from fer_client.errors import BadAnswer, ServiceError

if TYPE_CHECKING:
    import pandas

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Box:
    """Whole pixels of the upright image, from its top-left corner."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, kw_only=True)
class Point:
    """Pixels of the upright image; it may lie outside the image."""

    x: float
    y: float


@dataclass(frozen=True, kw_only=True)
class Landmarks:
    """Five points of a face. Left and right are those of the image."""

    left_eye: Point
    right_eye: Point
    nose: Point
    left_mouth: Point
    right_mouth: Point


@dataclass(frozen=True, kw_only=True)
class Detection:
    """How the face was found. `detector` is None with `crop="whole"`.

    `confidence` (0 to 1) and `landmarks` come from CenterFace alone, `weight` from Haar alone, on a scale of its own.
    """

    detector: str | None
    weight: float | None
    confidence: float | None = None
    landmarks: Landmarks | None = None


@dataclass(frozen=True, kw_only=True)
class Quality:
    """The crop that the model saw: variance of its Laplacian, and mean grey from 0 (black) to 1 (white)."""

    sharpness: float
    brightness: float
    warnings: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """A heatmap of the parts of the face that led to the label `target` in the answer `head` (`emotions` or `votes`).

    `data` is an image file's bytes, `width` and `height` its size in pixels. `box` is the square of the upright image
    that it covers; it may reach past the image's edge. It is turned clockwise by `degrees` about its centre. `peak` is
    the map's highest value before it was stretched to the full range of grey; times it, the maps of a face's labels are
    on one scale.
    """

    method: str
    target: str
    media_type: str
    width: int
    height: int
    data: bytes = field(repr=False)
    box: Box
    degrees: float = 0.0
    peak: float = 0.0
    head: str = "emotions"


@dataclass(frozen=True, kw_only=True)
class Face:
    """One face. `emotion` is the label with the highest probability, which is `confidence`, from 0 to 1.

    `emotions` has the calibrated probability of every label. `prediction_set` is the conformal prediction set: labels
    that hold the true one in 90 % of cases, likeliest first. `uncertain` says that it has more than one label.
    `votes` has the predicted share of ten people who would choose each label; None where the model has no votes head.
    `track_id` is None outside videos and streams.
    """

    box: Box
    detection: Detection
    emotion: str
    confidence: float
    uncertain: bool
    prediction_set: tuple[str, ...]
    emotions: Mapping[str, float]
    quality: Quality
    track_id: int | None = None
    explanations: tuple[Explanation, ...] = ()
    votes: Mapping[str, float] | None = None


@dataclass(frozen=True, kw_only=True)
class ModelName:
    """Which model gave the result; `sha256` is that of its file."""

    name: str
    version: str
    sha256: str


@dataclass(frozen=True, kw_only=True)
class ImageSize:
    """Pixels of the upright image."""

    width: int
    height: int


@dataclass(frozen=True, kw_only=True)
class _Answer:
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    """the JSON object as the service sent it"""

    def to_dict(self) -> dict[str, Any]:
        """A copy of the JSON object as the service sent it."""
        return copy.deepcopy(dict(self.raw))


@dataclass(frozen=True, kw_only=True)
class Result(_Answer):
    """The faces of one image, largest first. `timing_ms` has milliseconds by stage.

    `searched_from_px` is the width of the smallest face that was searched for; None with `crop="whole"`.
    """

    request_id: str
    model: ModelName
    image: ImageSize
    faces: tuple[Face, ...]
    timing_ms: Mapping[str, float]
    searched_from_px: int | None = None

    def rows(self) -> list[dict[str, Any]]:
        """A row for each face, by the names of the service's CSV; then each label, and `votes_` of each."""
        return [face_row(number, face) for number, face in enumerate(self.faces)]

    def to_pandas(self) -> "pandas.DataFrame":
        """`rows` as a DataFrame. Raises ImportError without `pip install "fer-client[table]"`."""
        import pandas

        return pandas.DataFrame(self.rows())


@dataclass(frozen=True, kw_only=True)
class StreamResult(Result):
    """The faces of one frame of a stream.

    `frame` is the image file that was sent, `age_ms` milliseconds from its arrival to the result.
    """

    frame_id: int
    age_ms: float
    frame: bytes = field(default=b"", repr=False, compare=False)


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A problem document (RFC 9457)."""

    code: str
    status: int
    detail: str
    request_id: str = ""
    limit: float | None = None

    def error(self, retry_after_s: float | None = None) -> ServiceError:
        return ServiceError(
            self.code, self.status, self.detail, self.request_id, limit=self.limit, retry_after_s=retry_after_s
        )


@dataclass(frozen=True, kw_only=True)
class FrameRefused:
    """A frame of a stream that the service could not analyse. The stream goes on."""

    frame_id: int
    error: ServiceError


@dataclass(frozen=True, kw_only=True)
class VideoFrame(_Answer):
    """An analysed frame of a video: its number among them, from 0, and its time in seconds."""

    index: int
    time_s: float
    faces: tuple[Face, ...]
    searched_from_px: int | None = None

    def rows(self) -> list[dict[str, Any]]:
        """A row for each face, by the names of the service's CSV; then each label, and `votes_` of each."""
        place = {"index": self.index, "time_s": self.time_s}
        return [{**place, **face_row(number, face)} for number, face in enumerate(self.faces)]

    def to_pandas(self) -> "pandas.DataFrame":
        """`rows` as a DataFrame. Raises ImportError without `pip install "fer-client[table]"`."""
        import pandas

        return pandas.DataFrame(self.rows())


@dataclass(frozen=True, kw_only=True)
class VideoTrack:
    """One face from its first to its last frame: mean probabilities, the label with the highest, and mean votes."""

    track_id: int
    from_s: float
    to_s: float
    mean: Mapping[str, float]
    dominant: str
    mean_votes: Mapping[str, float] | None = None


@dataclass(frozen=True, kw_only=True)
class VideoSummary(_Answer):
    """The end of a video: seconds, frames between start and stop, and the tracks."""

    duration_s: float
    frames_read: int
    frames_analysed: int
    tracks: tuple[VideoTrack, ...]


@dataclass(frozen=True, kw_only=True)
class DetectorDescription:
    """How faces are searched for; `option` is the value of the option `detector` that chooses this one.

    The smallest window is `window_px` wide; `smallest_share` is a face's least width by default, as a share of the
    image's longer side. Boxes that overlap by `merge_overlap` of the smaller one are one face. Haar's windows are each
    `step` times as wide as the one before, and at least `neighbours` of them agree on a face. CenterFace's faces have a
    confidence of at least `threshold`, of boxes whose intersection over union is more than `nms_overlap` the surest is
    kept, faces tilted by `upright_degrees` are turned upright for the model, and the side of the square that is cropped
    is `square_side` times the root of the box's area.
    """

    name: str
    window_px: int
    smallest_share: float
    merge_overlap: float
    option: str = "haar"
    step: float | None = None
    neighbours: int | None = None
    threshold: float | None = None
    nms_overlap: float | None = None
    upright_degrees: float | None = None
    square_side: float | None = None
    sha256: str | None = None


@dataclass(frozen=True, kw_only=True)
class HeadDescription:
    """One answer of the model: what it predicts, when to use it, and how good it is.

    `option` is the member of a face that holds it, and the value of the option `head`. `source` says where its targets
    come from; it is None for the data set's own labels.
    """

    option: str
    predicts: str
    use: str
    temperature: float
    metrics: Mapping[str, Any]
    source: str | None = None


@dataclass(frozen=True, kw_only=True)
class ModelDescription(_Answer):
    """What the model's file says of itself, and how the detector searches. `labels` are in index order.

    `detector` is the one of requests that name none, `detectors` are all that the service has. `heads` are the answers
    for each face.
    """

    name: str
    version: str
    sha256: str
    labels: tuple[str, ...]
    input: Mapping[str, Any]
    crop_margin: float
    detector: DetectorDescription
    detectors: tuple[DetectorDescription, ...] = ()
    heads: tuple[HeadDescription, ...] = ()
    metrics: Mapping[str, Any]
    calibration: Mapping[str, float]
    explanation: Mapping[str, Any]
    training: Mapping[str, str]
    licence: str
    created: str


@dataclass(frozen=True, kw_only=True)
class Defaults:
    """What the service uses where an option is left out; `fps` is frames per second of a video."""

    max_faces: int
    fps: float


@dataclass(frozen=True, kw_only=True)
class Limits(_Answer):
    """Every limit in force: sizes in bytes, pixels or characters, `_s` in seconds.

    `csv_columns` are those of a video's CSV before the labels. Faces smaller than `smallest_face_share` of the image's
    longer side are not searched for, whatever `min_face_px` is. A client may ask `rate` times a second, None: as often
    as it likes; `client_` are the most at once of a client that is alone, 0 where the service does not say, as
    an older one of its batches and connections.
    """

    max_body_bytes: int
    max_held_bytes: int = 0
    max_header_bytes: int = 0
    max_headers: int = 0
    silence_s: float = 0.0
    max_connections: int = 0
    max_pixels: int
    max_faces: int
    media_types: tuple[str, ...]
    queue: int
    workers: int
    deadline_s: float
    body_timeout_s: float
    max_videos: int
    max_video_bytes: int
    max_video_pixels: int
    max_video_s: float
    video_body_timeout_s: float
    video_deadline_s: float
    max_batches: int = 0
    max_batch_files: int = 0
    batch_deadline_s: float = 0.0
    max_streams: int
    rate: float | None = None
    client_requests: int = 0
    client_held_bytes: int = 0
    client_videos: int = 0
    client_batches: int = 0
    client_streams: int = 0
    max_frame_bytes: int
    max_text_chars: int
    stream_credits: int
    stream_idle_s: float
    stream_session_s: float
    stream_send_s: float
    stream_abuse: int
    smallest_face_share: float = 0.0
    defaults: Defaults
    csv_columns: tuple[str, ...]


# --- of the protocol alone ---------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class SessionCreated:
    """The first message of a stream: how many frames may be in flight."""

    credits: int


@dataclass(frozen=True, kw_only=True)
class FrameDropped:
    """A frame that was not analysed: a newer one took its place, or it had waited too long."""

    frame_id: int


@dataclass(frozen=True, kw_only=True)
class StreamError(Problem):
    """A problem with a frame, or with a text message where `frame_id` is None."""

    frame_id: int | None


def face_row(number: int, face: Face) -> dict[str, Any]:
    """A face by the names of the service's CSV; then each label, and `votes_` of each."""
    return {
        "face": number,
        "track_id": face.track_id,
        "x": face.box.x,
        "y": face.box.y,
        "width": face.box.width,
        "height": face.box.height,
        "emotion": face.emotion,
        "confidence": face.confidence,
        "uncertain": face.uncertain,
        "prediction_set": " ".join(face.prediction_set),
        **face.emotions,
        **{f"votes_{label}": share for label, share in (face.votes or {}).items()},
    }


def read(kind: type[T], data: object) -> T:
    """A JSON object as one of the classes above. Members that the class does not have are ignored.

    Raises BadAnswer that names the member that is missing or wrong.
    """
    if isinstance(data, dict):
        # These two are the client's own, whatever a newer service may send under their names.
        data = {**data, "raw": data, "frame": b""}
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        raise BadAnswer(f"{kind.__name__}: {error}") from error
