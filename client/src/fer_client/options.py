"""Options of the calls, as the service names them; what is left out or None, the service chooses."""

from typing import Literal, TypedDict


class PredictOptions(TypedDict, total=False):
    explain: Literal["none", "gradcam"]
    heatmap: Literal["map", "overlay"]
    target: str
    """`top`, `all`, or one of the model's labels"""
    max_faces: int | None
    min_face_px: int | None
    crop: Literal["detect", "whole"]


class VideoOptions(TypedDict, total=False):
    fps: float | None
    """frames analysed for each second of the film"""
    from_s: float | None
    to_s: float | None
    explain: Literal["none", "gradcam"]
    max_faces: int | None
    min_face_px: int | None


class StreamOptions(TypedDict, total=False):
    explain: Literal["none", "gradcam"]
    explain_every: int
    max_faces: int | None
    min_face_px: int | None
    smoothing: float
    max_age_ms: float | None
