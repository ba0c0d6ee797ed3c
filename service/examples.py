"""Examples for the OpenAPI document. A test reads each answer as what it is an example of, and sends the image."""

import base64
from pathlib import Path
from typing import Any

_FACE_FILE = Path(__file__).parent / "web" / "samples" / "face.jpg"

_FACE: dict[str, Any] = {
    "box": {"x": 175, "y": 65, "width": 100, "height": 100},
    "detection": {"detector": "haar_frontalface_default", "weight": 6.1, "confidence": None, "landmarks": None},
    "emotion": "happy",
    "confidence": 0.91,
    "uncertain": False,
    "prediction_set": ["happy"],
    "emotions": {
        "angry": 0.01,
        "disgust": 0.0,
        "fear": 0.01,
        "happy": 0.91,
        "sad": 0.01,
        "surprise": 0.02,
        "neutral": 0.04,
    },
    "quality": {"sharpness": 1432.5, "brightness": 0.52, "warnings": []},
    "track_id": None,
    "explanations": [],
}
_TRACK = {"track_id": 1, "from_s": 0.0, "to_s": 2.2, "mean": _FACE["emotions"], "dominant": "happy"}

IMAGE = "data:image/jpeg;base64," + base64.b64encode(_FACE_FILE.read_bytes()).decode()
"""A face of 112 x 112 pixels, as JSON holds it."""

EXAMPLES: dict[str, dict[str, Any]] = {
    "Result": {
        "request_id": "5f0c2d8e9b7a4c31",
        "model": {"name": "fer-cnn", "version": "2026.11.23", "sha256": "0" * 64},
        "image": {"width": 512, "height": 512},
        "faces": [_FACE],
        "searched_from_px": 32,
        "timing_ms": {"queue": 0.1, "decode": 1.9, "detect": 6.8, "infer": 1.3, "explain": 0.0, "total": 10.2},
    },
    "VideoFrame": {
        "type": "frame",
        "index": 3,
        "time_s": 0.6,
        "faces": [{**_FACE, "track_id": 1}],
        "searched_from_px": 40,
    },
    "VideoSummary": {
        "type": "summary",
        "duration_s": 2.4,
        "frames_read": 72,
        "frames_analysed": 12,
        "tracks": [_TRACK],
    },
    "ProblemDocument": {
        "type": "urn:fer:problem:invalid_option",
        "title": "An option is unknown or has a bad value",
        "status": 422,
        "detail": "target is 'joy'; it can be top, all, angry, disgust, fear, happy, sad, surprise, neutral.",
        "instance": "/v1/predict",
        "code": "invalid_option",
        "request_id": "5f0c2d8e9b7a4c31",
    },
}
"""By the name of the schema."""
