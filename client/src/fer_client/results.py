"""The service's answers as values. What a newer service says beyond them is ignored here and kept in `raw`."""

import base64
import binascii
import dataclasses
import types
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from fer_client.errors import BadAnswer, ServiceError

T = TypeVar("T")

# Members that are not on the wire.
_LOCAL = {"raw", "frame"}


@dataclass(frozen=True, kw_only=True)
class Box:
    """Whole pixels of the upright image, from its top left corner."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, kw_only=True)
class Detection:
    detector: str | None
    weight: float | None


@dataclass(frozen=True, kw_only=True)
class Quality:
    sharpness: float
    brightness: float
    warnings: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """A picture of what in the face spoke for `target`; `data` is an image file's bytes."""

    method: str
    target: str
    media_type: str
    width: int
    height: int
    data: bytes = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Face:
    box: Box
    detection: Detection
    emotion: str
    confidence: float
    uncertain: bool
    plausible: tuple[str, ...]
    emotions: Mapping[str, float]
    quality: Quality
    track_id: int | None = None
    explanations: tuple[Explanation, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ModelName:
    name: str
    version: str
    sha256: str


@dataclass(frozen=True, kw_only=True)
class ImageSize:
    width: int
    height: int


@dataclass(frozen=True, kw_only=True)
class _Answer:
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    """the JSON object as it came"""


@dataclass(frozen=True, kw_only=True)
class Result(_Answer):
    """The faces of one image, largest first."""

    request_id: str
    model: ModelName
    image: ImageSize
    faces: tuple[Face, ...]
    timing_ms: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class StreamResult(Result):
    """The faces of one frame of a stream; `frame` is the image file that was sent."""

    frame_id: int
    age_ms: float
    frame: bytes = field(default=b"", repr=False, compare=False)


@dataclass(frozen=True, kw_only=True)
class FrameRefused:
    """A frame of a stream that the service could not take; the stream goes on."""

    frame_id: int
    error: ServiceError


@dataclass(frozen=True, kw_only=True)
class VideoFrame(_Answer):
    index: int
    time_s: float
    faces: tuple[Face, ...]


@dataclass(frozen=True, kw_only=True)
class VideoTrack:
    """One face over a film: the mean of its probabilities, and the label that led."""

    track_id: int
    from_s: float
    to_s: float
    mean: Mapping[str, float]
    dominant: str


@dataclass(frozen=True, kw_only=True)
class VideoSummary(_Answer):
    """What is known at the end of a film."""

    duration_s: float
    frames_read: int
    frames_analysed: int
    tracks: tuple[VideoTrack, ...]


@dataclass(frozen=True, kw_only=True)
class ModelDescription(_Answer):
    name: str
    version: str
    sha256: str
    labels: tuple[str, ...]
    input: Mapping[str, Any]
    crop_margin: float
    metrics: Mapping[str, Any]
    calibration: Mapping[str, float]
    explanation: Mapping[str, Any]
    training: Mapping[str, str]
    licence: str
    created: str


@dataclass(frozen=True, kw_only=True)
class Limits(_Answer):
    """The limits that a client can plan with; `raw` has every one in force."""

    max_body_bytes: int
    max_pixels: int
    max_faces: int
    media_types: tuple[str, ...]
    deadline_s: float
    max_streams: int
    max_frame_bytes: int
    stream_credits: int


def read(kind: type[T], data: object) -> T:
    """A JSON object as one of the dataclasses above. Raises BadAnswer that names the member at fault."""
    value: T = _object(kind, data, kind.__name__)
    return value


def _object(kind: type[Any], data: object, where: str) -> Any:
    if not isinstance(data, dict):
        raise BadAnswer(f"{where} is no JSON object")
    members: dict[str, Any] = {}
    for member, (hint, required) in _members(kind).items():  # type: ignore[arg-type]  # mypy: a class is no Hashable
        if member == "raw":
            members[member] = data
        elif member in data and member not in _LOCAL:
            members[member] = _value(hint, data[member], f"{where}.{member}")
        elif required:
            raise BadAnswer(f"{where} lacks '{member}'")
    return kind(**members)


@cache
def _members(kind: type[Any]) -> dict[str, tuple[Any, bool]]:
    """Type and whether it must be there, by name."""
    hints = get_type_hints(kind)
    nothing = dataclasses.MISSING
    return {
        member.name: (hints[member.name], member.default is nothing and member.default_factory is nothing)
        for member in dataclasses.fields(kind)
    }


def _value(hint: Any, data: object, where: str) -> Any:
    origin, arguments = get_origin(hint), get_args(hint)
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return _object(hint, data, where)
    if origin in (Union, types.UnionType):
        return None if data is None else _value(arguments[0], data, where)
    if origin is tuple and isinstance(data, list):
        return tuple(_value(arguments[0], item, f"{where}[{index}]") for index, item in enumerate(data))
    if origin is Mapping and isinstance(data, dict):
        return {key: _value(arguments[1], item, f"{where}.{key}") for key, item in data.items()}
    if hint is bytes and isinstance(data, str):
        return _decoded(data, where)
    if hint is float and isinstance(data, int) and not isinstance(data, bool):
        return float(data)
    if hint is Any or (isinstance(hint, type) and isinstance(data, hint) and isinstance(data, bool) is (hint is bool)):
        return data
    raise BadAnswer(f"{where} is of another type: {type(data).__name__}")


def _decoded(text: str, where: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise BadAnswer(f"{where} is no base64") from error
