"""What the service says of itself: the model with its detector, and the limits in force."""

from typing import Any, Literal

from pydantic import Field

from .analysis import Head
from .classifier import Contract
from .detectors.available import Searches
from .detectors.base import LEAST_SHARE
from .schemas import Outgoing, PredictOptions
from .settings import DetectorChoice, Settings
from .workers.budget import Budget
from .workers.shares import share_alone

# The longest text message of a WebSocket client: far longer than all options, so that no answer lists many wrong ones.
MAX_TEXT_CHARS = 4096
# The request line, headers and trailers of a request: their bytes and their number.
MAX_HEADER_BYTES = 2**15
MAX_HEADERS = 100
# The most frames of a video that are analysed for each second of it, unless a client says otherwise.
DEFAULT_FPS = 5.0
# The first columns of a video's CSV; `csv_columns` gives all of them.
CSV_COLUMNS = ("index", "time_s", "face", "track_id", "x", "y", "width", "height", "emotion", "confidence", "uncertain")
VOTES_PREFIX, ERROR_COLUMN = "votes_", "error"
# What each head answers, and what it is for.
PREDICTS: dict[Head, tuple[str, str]] = {
    "emotions": (
        "the label that the data set gives the face",
        "to compare with results on the same data set, and where a calibrated probability or the prediction set is "
        "needed",
    ),
    "votes": (
        "the share of ten people who would choose each label",
        "to know what people would say the face shows, and how far they would agree",
    ),
}


class Status(Outgoing):
    status: Literal["ok"] = "ok"


class DetectorDescription(Outgoing):
    """How faces are searched for; a setting that a detector does not have is null."""

    option: DetectorChoice = Field(description="the value of the option `detector` that chooses it")
    name: str = Field(description="its name in results")
    window_px: int = Field(description="the smallest face that is found in an image of any scale, pixels")
    step: float | None = Field(None, description="from one size searched for to the next")
    neighbours: int | None = Field(None, description="windows that have to agree on a face")
    threshold: float | None = Field(None, description="the least confidence of a face")
    nms_overlap: float | None = Field(
        None, description="of boxes that overlap by more (intersection over union) the surest is kept"
    )
    upright_degrees: float | None = Field(None, description="faces tilted by so much are turned upright for the model")
    square_side: float | None = Field(
        None,
        description="side of the square that is cropped, over the root of the box's area; null: the box is cropped",
    )
    sha256: str | None = Field(None, description="of its file")
    smallest_share: float = Field(description="the smallest face searched for by default, of the image's longer side")
    merge_overlap: float = Field(
        description="boxes are one face from this overlap on: their intersection over the smaller box"
    )


class HeadDescription(Outgoing):
    """One answer of the model, and how good it is."""

    option: Head = Field(description="the member of a face that holds it, and the value of the option `head`")
    predicts: str
    use: str = Field(description="when to use this answer")
    source: str | None = Field(description="where its targets come from; null for the data set's own labels")
    temperature: float = Field(description="of its calibration")
    metrics: dict[str, Any] = Field(description="measured at export; `split` names the faces")


class ModelDescription(Outgoing):
    """What the ONNX file says of itself, and how the detector searches."""

    name: str
    version: str
    sha256: str
    labels: list[str] = Field(description="in index order")
    input: dict[str, Any]
    crop_margin: float = Field(description="share of the face box's side that the crop adds on every side")
    detector: DetectorDescription = Field(description="the one of requests that name none")
    detectors: list[DetectorDescription] = Field(description="all that this service has")
    heads: list[HeadDescription] = Field(description="the answers for each face; not every model has `votes`")
    metrics: dict[str, Any] = Field(description="of `emotions`, measured at export, on the split that chose the model")
    calibration: dict[str, float]
    explanation: dict[str, Any]
    training: dict[str, str]
    licence: str
    created: str


class Defaults(Outgoing):
    """Options that a client leaves out."""

    max_faces: int
    fps: float


class Limits(Outgoing):
    """Every limit in force, the defaults of options, and the fixed columns of CSV."""

    max_body_bytes: int
    max_held_bytes: int
    max_header_bytes: int
    max_headers: int
    silence_s: float
    max_connections: int
    max_pixels: int
    max_faces: int
    media_types: list[str]
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
    max_batches: int
    max_batch_files: int
    batch_deadline_s: float
    max_streams: int
    rate: float | None = Field(description="requests a second of a client, over ten seconds; null: any number")
    client_requests: int = Field(description="most requests at work and in the queue of a client that is alone")
    client_held_bytes: int = Field(description="most bytes of bodies at once of a client, of `max_held_bytes`")
    client_videos: int = Field(description="most videos at once of a client that is alone")
    client_batches: int = Field(description="most batches at once of a client that is alone")
    client_streams: int = Field(description="most sessions at once of a client that is alone")
    max_frame_bytes: int
    max_text_chars: int
    stream_credits: int
    stream_idle_s: float
    stream_session_s: float
    stream_send_s: float
    stream_abuse: int
    smallest_face_share: float = Field(
        description="no face smaller than this share of the image's longer side is searched for, nor one smaller than "
        "the detector's `window_px`; a lower `min_face_px` is raised to it"
    )
    defaults: Defaults
    csv_columns: list[str] = Field(
        description="in order; a column per label follows, with a votes head "
        "another per label that begins with `votes_`, then `error`"
    )


def model_description(contract: Contract, detectors: Searches) -> ModelDescription:
    width, height = contract.size_wh
    described = {option: DetectorDescription(**search) for option, search in detectors.by_option.items()}
    return ModelDescription(
        name=contract.name,
        version=contract.version,
        sha256=contract.sha256,
        labels=list(contract.labels),
        input={"name": "faces", "type": "uint8", "colour": "grey", "width": width, "height": height},
        crop_margin=contract.crop_margin,
        detector=described[detectors.default],
        detectors=list(described.values()),
        heads=_heads(contract),
        metrics=contract.metrics,
        calibration={
            "temperature": contract.temperature,
            "prediction_set_threshold": contract.prediction_set_threshold,
        },
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


def _heads(contract: Contract) -> list[HeadDescription]:
    measured: list[tuple[Head, str | None, float, dict[str, Any]]] = [
        ("emotions", None, contract.temperature, contract.metrics)
    ]
    if contract.votes is not None:
        measured.append(("votes", contract.votes.source, contract.votes.temperature, contract.votes.metrics))
    return [
        HeadDescription(
            option=head,
            predicts=PREDICTS[head][0],
            use=PREDICTS[head][1],
            source=source,
            temperature=temperature,
            metrics=metrics,
        )
        for head, source, temperature, metrics in measured
    ]


def csv_columns(contract: Contract) -> list[str]:
    """All columns of a video's CSV, in order."""
    votes = [] if contract.votes is None else [f"{VOTES_PREFIX}{label}" for label in contract.labels]
    return [*CSV_COLUMNS, *contract.labels, *votes, ERROR_COLUMN]


def limits(settings: Settings, media_types: tuple[str, ...]) -> Limits:
    shared = set(Limits.model_fields) & set(Settings.model_fields)
    return Limits(
        media_types=list(media_types),
        client_requests=share_alone(settings.workers + settings.queue),
        client_held_bytes=Budget(settings.max_held_bytes).most_each,
        client_videos=share_alone(settings.max_videos),
        client_batches=share_alone(settings.max_batches),
        client_streams=share_alone(settings.max_streams),
        max_header_bytes=MAX_HEADER_BYTES,
        max_headers=MAX_HEADERS,
        max_text_chars=MAX_TEXT_CHARS,
        smallest_face_share=LEAST_SHARE,
        defaults=Defaults(max_faces=min(PredictOptions().max_faces, settings.max_faces), fps=DEFAULT_FPS),
        csv_columns=list(CSV_COLUMNS),
        **{name: getattr(settings, name) for name in shared},
    )
