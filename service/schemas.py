"""What every transport shares on the wire: the options of an image, a result, a problem."""

import base64
import binascii
import json
from functools import lru_cache
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PositiveInt,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from . import analysis, images
from .analysis import Analysis, Options
from .classifier import Contract
from .detectors import base
from .problems import MalformedBody
from .settings import DetectorChoice


class Incoming(BaseModel):
    """What a client sends; a member that is not declared is refused, and the answer lists those that are."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="wrap")
    @classmethod
    def _lists_its_members(cls, data: Any, validate: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return validate(data)
        except ValidationError as error:
            faults = [cls._listing(fault) for fault in error.errors(include_url=False)]
        raise ValidationError.from_exception_data(cls.__name__, faults)

    @classmethod
    def _listing(cls, fault: ErrorDetails) -> InitErrorDetails:
        kind: str | PydanticCustomError = fault["type"]
        if kind == "extra_forbidden":
            members = ", ".join(cls.model_fields)
            kind = PydanticCustomError("extra_forbidden", f"it does not exist; there are {members}")
        return InitErrorDetails(type=kind, loc=fault["loc"], input=fault["input"], ctx=fault.get("ctx", {}))


class Outgoing(BaseModel):
    """What the service sends."""

    model_config = ConfigDict(frozen=True)


# --- options -----------------------------------------------------------------------------------

MAX_FACES = 10
# Options that say what is explained, and how.
NEEDS_EXPLAIN = ("heatmap", "target", "head")

Explain = Annotated[
    Literal["none", "gradcam"],
    Field(description="`gradcam` adds heatmaps of the parts of the face that raise a label's probability"),
]
MaxFaces = Annotated[PositiveInt, Field(description="at most so many faces, largest first")]
MinFacePx = Annotated[
    PositiveInt | None,
    Field(
        # No image is wider. Readers of JSON in most languages take no number of any length.
        le=2**27,
        description="look for faces at least so many pixels wide; by default a sixteenth of the longer side with "
        "`haar`, a twentieth with `centerface`. It is raised to what `smallest_face_share` in `/v1/limits` allows; "
        "`searched_from_px` of the answer is what was searched for",
    ),
]
Detector = Annotated[
    DetectorChoice | None,
    Field(
        description="`haar`: upright frontal faces; `centerface`: also tilted and smaller ones, with landmarks, and "
        "faster. By default the service's own, `detector` in `/v1/model`"
    ),
]
# Off unless asked for: an answer is then the network's for that very frame, calibrated, as everywhere else.
Smoothing = Annotated[
    float,
    Field(
        ge=0,
        le=1,
        description="averages a track's probabilities: the weight that a frame keeps after one second, so that "
        "0 is each frame by itself and 1 the mean of the whole track; heatmaps stay those of the frame",
    ),
]
Target = Annotated[
    str,
    Field(
        description="the label to explain: `top` (the default), `all`, or one of the model's labels. Only with "
        "`explain=gradcam`"
    ),
]
Head = Annotated[
    analysis.Head,
    Field(
        description="the answer to explain: the labels' probabilities (`emotions`, the default), or the predicted "
        "`votes`, which only some models have; see `heads` in `/v1/model`. Only with `explain=gradcam`"
    ),
]


class PredictOptions(Incoming):
    """Query options of the predict endpoints; an unknown one is refused."""

    explain: Explain = "none"
    heatmap: Literal["map", "overlay"] = Field(
        "map",
        description="`map`, the default: grey PNG of the crop's size in the model; `overlay`: JPEG of the face in "
        "colour. Only with `explain=gradcam`",
    )
    target: Target = "top"
    head: Head = "emotions"
    max_faces: MaxFaces = MAX_FACES
    min_face_px: MinFacePx = None
    crop: Literal["detect", "whole"] = Field(
        "detect", description="`whole`: the image is a face already, no face is searched for"
    )
    detector: Detector = None

    @field_validator(*NEEDS_EXPLAIN)
    @classmethod
    def _explains(cls, value: str, info: ValidationInfo) -> str:
        if info.data.get("explain") == "none":
            raise ValueError("without explain=gradcam it has no effect")
        return value

    @field_validator("detector")
    @classmethod
    def _has_an_effect(cls, value: DetectorChoice | None, info: ValidationInfo) -> DetectorChoice | None:
        if value is not None and info.data.get("crop") == "whole":
            raise ValueError("with crop=whole no face is searched for")
        return value

    def options(self) -> Options:
        return Options(**{name: getattr(self, name) for name in PredictOptions.model_fields})


_BASE64 = "^(data:[^,]*;base64,)?([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"


class PredictBody(Incoming):
    """The JSON form of an image."""

    image: str = Field(
        description="base64 of a JPEG, PNG or WebP file, or a data URI of it",
        # Not checked with it: the decoder says the same, and faster.
        json_schema_extra={"minLength": 4, "pattern": _BASE64},
    )

    @classmethod
    def file_of(cls, body: bytes) -> bytes:
        """The file in a JSON body. Raises MalformedBody."""
        try:
            text = cls.model_validate_json(body).image
        except ValidationError as error:
            raise MalformedBody('The JSON body must be {"image": "<base64 or data URI>"} and nothing else.') from error
        if text.startswith("data:"):
            header, comma, text = text.partition(",")
            if not comma or not header.endswith(";base64"):
                raise MalformedBody("The data URI must be base64: data:image/jpeg;base64,…")
        try:
            file = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError) as error:
            raise MalformedBody("The image is not valid base64.") from error
        if not file:
            raise MalformedBody("The body is empty; it should be an image.")
        return file


# --- results -----------------------------------------------------------------------------------


class Box(Outgoing):
    """Whole pixels of the upright image (EXIF orientation applied), from its top left corner."""

    x: int
    y: int
    width: int
    height: int


class Point(Outgoing):
    """Pixels of the upright image; it may lie outside the image."""

    x: float
    y: float


class Landmarks(Outgoing):
    """Left and right are those of the image."""

    left_eye: Point
    right_eye: Point
    nose: Point
    left_mouth: Point
    right_mouth: Point


class Detection(Outgoing):
    detector: str | None = Field(description="null with `crop=whole`")
    weight: float | None = Field(description="on the detector's own scale, higher is surer; Haar's last stage")
    confidence: float | None = Field(
        description="0 to 1, as the detector's network gives it; null with Haar, which has none"
    )
    landmarks: Landmarks | None = Field(None, description="null where a detector gives none")


class Quality(Outgoing):
    sharpness: float = Field(description="variance of the Laplacian of the crop that the network saw")
    brightness: float = Field(description="mean grey of that crop, 0 black to 1 white")
    warnings: list[Literal["small", "blurred", "dark", "bright"]]


class Explanation(Outgoing):
    method: Literal["gradcam"] = "gradcam"
    head: analysis.Head = Field(description="the answer that it explains: `emotions` or `votes`")
    target: str
    media_type: str
    width: int
    height: int
    box: Box = Field(description="the square of the image that the heatmap covers; it may reach past the image's edges")
    degrees: float = Field(
        description="how far that square is turned clockwise about its centre; 0 unless a tilted "
        "face was turned upright"
    )
    peak: float = Field(
        description="the map's highest value before it was stretched to the full range of grey; what it adds to the "
        "label's logit there. Times this, the maps of a face's labels are on one scale"
    )
    data: str = Field(description="base64")


class Face(Outgoing):
    box: Box
    detection: Detection
    emotion: str
    confidence: float = Field(description="calibrated probability of `emotion`")
    uncertain: bool = Field(
        description="true where the prediction set has more than one label: the answer may change when the box moves a "
        "little"
    )
    prediction_set: list[str] = Field(
        description="conformal prediction set: labels that hold the true one in 90 % of faces like the data's, "
        "most probable first"
    )
    emotions: dict[str, float] = Field(description="all labels in the model's order; they sum to 1")
    votes: dict[str, float] | None = Field(
        None,
        description="the predicted share of ten people who would choose each label, in the same order; they sum to 1. "
        "Null where the model has no votes head",
    )
    quality: Quality
    track_id: int | None = Field(
        None, description="the same while a face stays in view, from 1; null outside streams and videos"
    )
    explanations: list[Explanation]


class ModelName(Outgoing):
    name: str
    version: str
    sha256: str


class ImageSize(Outgoing):
    width: int
    height: int


SEARCHED_FROM_PX = Field(
    description="the width of the smallest face that was searched for, pixels; null with `crop=whole`"
)


class Result(Outgoing):
    """The faces of one image, largest first; the list may be empty."""

    request_id: str
    model: ModelName
    image: ImageSize
    faces: list[Face]
    searched_from_px: int | None = SEARCHED_FROM_PX
    timing_ms: dict[str, float] = Field(
        description="milliseconds by stage: queue, decode, detect, infer, explain, total",
        examples=[{"queue": 0.1, "decode": 1.0, "detect": 18.0, "infer": 1.5, "explain": 0.2, "total": 21.0}],
    )


def model_name(contract: Contract) -> ModelName:
    return ModelName(name=contract.name, version=contract.version, sha256=contract.sha256)


class Found(Outgoing):
    """What of a Result a worker knows; see `result_json`."""

    image: ImageSize
    faces: list[Face]
    searched_from_px: int | None


def found_json(found: Analysis) -> bytes:
    """A Found as JSON."""
    width, height = found.size_wh
    faces = [face(each) for each in found.faces]
    answer = Found(image=ImageSize(width=width, height=height), faces=faces, searched_from_px=found.searched_from_px)
    return answer.model_dump_json().encode()


def result_json(found: bytes, request_id: str, model: ModelName, timing_ms: dict[str, float], **more: Any) -> bytes:
    """A Result as JSON around a worker's Found, which is not parsed: it may hold megabytes of heatmaps."""
    timing = {name: round(value, 3) for name, value in timing_ms.items()}
    before = f'{{"request_id": "{request_id}", "model": {_model_json(model)}'.encode()
    after = json.dumps({"timing_ms": timing, **more}).encode()
    return b",".join((before, found[1:-1], after[1:]))


@lru_cache
def _model_json(model: ModelName) -> str:
    return json.dumps(model.model_dump())


def face(found: analysis.Face) -> Face:
    return Face(
        box=_box(found.box),
        detection=Detection(
            detector=found.detector,
            weight=found.detection.weight,
            confidence=found.detection.confidence,
            landmarks=_landmarks(found.detection.landmarks),
        ),
        emotion=found.emotion,
        confidence=found.confidence,
        uncertain=len(found.prediction_set) > 1,
        prediction_set=[found.labels[index] for index in found.prediction_set],
        emotions=dict(zip(found.labels, found.probabilities.tolist(), strict=True)),
        votes=None if found.votes is None else dict(zip(found.labels, found.votes.tolist(), strict=True)),
        quality=Quality(
            sharpness=found.sharpness,
            brightness=found.brightness,
            warnings=list(found.warnings),
        ),
        track_id=found.track_id,
        explanations=[_explanation(each) for each in found.explanations],
    )


def _explanation(found: analysis.Explanation) -> Explanation:
    return Explanation(
        head=found.head,
        target=found.target,
        media_type=found.media_type,
        width=found.size_wh[0],
        height=found.size_wh[1],
        box=_box(found.box),
        degrees=round(found.degrees, 1),
        peak=found.peak,
        data=base64.b64encode(found.data).decode("ascii"),
    )


def _landmarks(found: base.Landmarks | None) -> Landmarks | None:
    """To a tenth of a pixel."""
    if found is None:
        return None
    points = {name: Point(x=round(x, 1), y=round(y, 1)) for name, (x, y) in found._asdict().items()}
    return Landmarks(**points)


def _box(box: images.Box) -> Box:
    return Box(x=box.x, y=box.y, width=box.width, height=box.height)


# --- problems ----------------------------------------------------------------------------------


class ProblemMembers(Outgoing):
    """The members of a problem but for its `type`, which streams and videos need for the kind of a message."""

    title: str
    status: int
    detail: str
    instance: str
    code: str
    request_id: str
    limit: float | None = Field(None, description="the limit that was passed, where there is one")


class ProblemDocument(ProblemMembers):
    """RFC 9457; `code` is stable."""

    type: str
