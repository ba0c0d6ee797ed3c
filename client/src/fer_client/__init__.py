"""Client of the facial expression recognition service: `Client`, `AsyncClient`, their answers and errors."""

from fer_client.async_client import AsyncClient
from fer_client.client import Client
from fer_client.errors import BadAnswer, FerError, ServiceError, Unreachable
from fer_client.options import PredictOptions, StreamOptions, VideoOptions
from fer_client.results import (
    Box,
    Defaults,
    Detection,
    DetectorDescription,
    Explanation,
    Face,
    FrameRefused,
    HeadDescription,
    ImageSize,
    Limits,
    ModelDescription,
    ModelName,
    Quality,
    Result,
    StreamResult,
    VideoFrame,
    VideoSummary,
    VideoTrack,
)
from fer_client.tables import to_pandas
from fer_client.version import VERSION as __version__

__all__ = [
    "AsyncClient",
    "BadAnswer",
    "Box",
    "Client",
    "Defaults",
    "Detection",
    "DetectorDescription",
    "Explanation",
    "Face",
    "FerError",
    "FrameRefused",
    "HeadDescription",
    "ImageSize",
    "Limits",
    "ModelDescription",
    "ModelName",
    "PredictOptions",
    "Quality",
    "Result",
    "ServiceError",
    "StreamOptions",
    "StreamResult",
    "Unreachable",
    "VideoFrame",
    "VideoOptions",
    "VideoSummary",
    "VideoTrack",
    "__version__",
    "to_pandas",
]
