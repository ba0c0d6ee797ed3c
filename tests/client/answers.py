"""What the service says, as JSON objects, lines and files. test_documents.py checks them against its documents."""

import base64
import json
from typing import Any

LIMITS = {
    "max_body_bytes": 1000,
    "max_held_bytes": 10_000,
    "max_header_bytes": 1000,
    "max_headers": 10,
    "silence_s": 1.0,
    "max_connections": 10,
    "max_pixels": 100,
    "max_faces": 50,
    "media_types": ["image/png"],
    "queue": 1,
    "workers": 1,
    "deadline_s": 1.0,
    "body_timeout_s": 1.0,
    "max_videos": 1,
    "max_video_bytes": 1000,
    "max_video_pixels": 100,
    "max_video_s": 1.0,
    "video_body_timeout_s": 1.0,
    "video_deadline_s": 1.0,
    "max_batches": 1,
    "max_batch_files": 100,
    "batch_deadline_s": 1.0,
    "max_streams": 1,
    "rate": None,
    "client_requests": 1,
    "client_held_bytes": 1000,
    "client_videos": 1,
    "client_batches": 1,
    "client_streams": 1,
    "max_frame_bytes": 1000,
    "max_text_chars": 100,
    "stream_credits": 2,
    "stream_idle_s": 1.0,
    "stream_session_s": 1.0,
    "stream_send_s": 1.0,
    "stream_abuse": 100,
    "smallest_face_share": 0.02,
    "defaults": {"max_faces": 10, "fps": 5.0},
    "csv_columns": ["face", "x"],
}
_DETECTOR = {
    "option": "haar",
    "name": "haar_frontalface_default",
    "window_px": 24,
    "smallest_share": 0.0625,
    "merge_overlap": 0.5,
}
MODEL = {
    "name": "n",
    "version": "1",
    "sha256": "f",
    "labels": ["happy"],
    "input": {},
    "crop_margin": 0.1,
    "detector": _DETECTOR,
    "detectors": [_DETECTOR],
    "heads": [],
    "metrics": {},
    "calibration": {},
    "explanation": {},
    "training": {},
    "licence": "MIT",
    "created": "2026-01-01",
}
GREETING = {
    "type": "session.created",
    "session_id": "s",
    "limits": LIMITS,
    "labels": ["happy"],
    "model": {"name": "n", "version": "1", "sha256": "f", "crop_margin": 0.1},
    "credits": 2,
    "configuration": {},
}
DROPPED = {"type": "dropped", "frame_id": 1, "reason": "stale"}


def face(**changes: Any) -> dict[str, Any]:
    return {
        "box": {"x": 1, "y": 2, "width": 3, "height": 4},
        "detection": {"detector": None, "weight": None, "confidence": None, "landmarks": None},
        "emotion": "happy",
        "confidence": 1,
        "uncertain": False,
        "prediction_set": ["happy"],
        "emotions": {"happy": 1.0},
        "votes": None,
        "quality": {"sharpness": 1.5, "brightness": 0.5, "warnings": []},
        "track_id": None,
        "explanations": [],
        **changes,
    }


def explanation(**changes: Any) -> dict[str, Any]:
    return {
        "method": "gradcam",
        "head": "emotions",
        "target": "happy",
        "media_type": "image/png",
        "width": 8,
        "height": 8,
        "data": base64.b64encode(b"PNG").decode(),
        "box": {"x": -1, "y": 2, "width": 3, "height": 3},
        "degrees": 0.0,
        "peak": 2.5,
        **changes,
    }


def answer(**changes: Any) -> dict[str, Any]:
    """The faces of one image."""
    return {
        "request_id": "a1",
        "model": {"name": "n", "version": "1", "sha256": "f"},
        "image": {"width": 10, "height": 20},
        "faces": [face()],
        "searched_from_px": 24,
        "timing_ms": {"total": 1.0},
        **changes,
    }


def stream_result(frame_id: int, **changes: Any) -> dict[str, Any]:
    return {**answer(), "type": "result", "frame_id": frame_id, "age_ms": 1.0, **changes}


def problem(status: int, code: str, detail: str = "No.", **more: Any) -> dict[str, Any]:
    return {
        "type": f"urn:fer:problem:{code}",
        "title": "A problem",
        "status": status,
        "detail": detail,
        "instance": "/v1/predict",
        "code": code,
        "request_id": "a1",
        **more,
    }


VIDEO_FRAME: dict[str, Any] = {
    "type": "frame",
    "index": 0,
    "time_s": 0.0,
    "faces": [face(track_id=1)],
    "searched_from_px": 24,
}
VIDEO_SUMMARY: dict[str, Any] = {
    "type": "summary",
    "duration_s": 1.0,
    "frames_read": 25,
    "frames_analysed": 5,
    "tracks": [
        {
            "track_id": 1,
            "from_s": 0.0,
            "to_s": 1.0,
            "mean": {"happy": 1.0},
            "dominant": "happy",
            "mean_votes": None,
        }
    ],
}
VIDEO_ERROR = {**problem(422, "undecodable_video", "Broken at 3 s."), "type": "error"}


def video_lines(*lines: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def mpjpeg_part(picture: bytes) -> bytes:
    """A picture as ffmpeg writes it."""
    return b"--ffmpeg\r\nContent-type: image/jpeg\r\nContent-length: %d\r\n\r\n%b\r\n" % (len(picture), picture)
