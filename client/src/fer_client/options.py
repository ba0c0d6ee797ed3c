"""Options of the calls, under the service's names. For one that is left out or None, the service uses its default."""

from dataclasses import dataclass
from types import NoneType
from typing import Annotated, Any, Literal, TypedDict, get_args, get_origin, get_type_hints


@dataclass(frozen=True)
class Option:
    """What an option does, and the service's default. `None` as default: the meaning says what happens then."""

    meaning: str
    default: str | int | float | None


Explain = Annotated[
    Literal["none", "gradcam"] | None,
    Option("gradcam adds a heatmap of the parts of the face that led to a label", "none"),
]
Heatmap = Annotated[
    Literal["map", "overlay"] | None,
    Option("map: a grey PNG of the crop's size in the model; overlay: a JPEG of the face in colour", "map"),
]
Target = Annotated[str | None, Option("the label to explain: top, all, or one of the model's labels", "top")]
Head = Annotated[
    Literal["emotions", "votes"] | None,
    Option("the answer to explain; votes only where the model has a votes head", "emotions"),
]
MaxFaces = Annotated[int | None, Option("at most this many faces, largest first", 10)]
MinFacePx = Annotated[
    int | None, Option("find only faces at least this wide, in pixels; by default a sixteenth of the longer side", None)
]
Crop = Annotated[
    Literal["detect", "whole"] | None, Option("whole: the image is a face already, no detector runs", "detect")
]
Detector = Annotated[
    Literal["haar", "centerface"] | None,
    Option(
        "haar: upright frontal faces; centerface: also tilted and smaller ones, with landmarks, and faster; by default "
        "the one that the service is set to",
        None,
    ),
]
Smoothing = Annotated[
    float | None,
    Option("average each track's probabilities over time, from 0 (each frame alone) to 1 (the whole track)", 0.0),
]


class PredictOptions(TypedDict, total=False):
    """Options for one image."""

    explain: Explain
    heatmap: Heatmap
    target: Target
    head: Head
    max_faces: MaxFaces
    min_face_px: MinFacePx
    crop: Crop
    detector: Detector


class VideoOptions(PredictOptions, total=False):
    """Options for each analysed frame of a video, and which frames these are."""

    fps: Annotated[float | None, Option("frames to analyse per second of the video, at most", 5.0)]
    from_s: Annotated[float | None, Option("start at this time, in seconds", 0.0)]
    to_s: Annotated[float | None, Option("stop before this time, in seconds; by default at the video's end", None)]
    smoothing: Smoothing


class StreamOptions(TypedDict, total=False):
    """Options for each frame of a stream."""

    explain: Explain
    explain_every: Annotated[int | None, Option("explain every n-th analysed frame", 1)]
    target: Target
    head: Head
    max_faces: MaxFaces
    min_face_px: MinFacePx
    detector: Detector
    smoothing: Smoothing
    max_age_ms: Annotated[
        float | None, Option("drop a frame that has waited longer, in milliseconds; by default none", None)
    ]


@dataclass(frozen=True)
class OptionType:
    """The type of an option's value; `choices` are its allowed values where these are few, else empty."""

    option: Option
    type: type[str] | type[int] | type[float]
    choices: tuple[str, ...]


def option_types(options: Any) -> dict[str, OptionType]:
    """Each option of one of the classes above, by name."""
    return {name: _option_type(hint) for name, hint in get_type_hints(options, include_extras=True).items()}


def _option_type(hint: Any) -> OptionType:
    union, option = get_args(hint)
    (value,) = (part for part in get_args(union) if part is not NoneType)
    if get_origin(value) is Literal:
        return OptionType(option, str, get_args(value))
    return OptionType(option, value, ())
