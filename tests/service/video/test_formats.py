"""A video's results as NDJSON, WebVTT and CSV, each read back."""

import csv
import io
import json
import re
from typing import Any

import pytest

from service.descriptions import CSV_COLUMNS
from service.video.formats import Format, format_of
from service.video.messages import VideoError, VideoFrame, VideoOptions, VideoSummary

LABELS = ("sad & <b>", "glad")


def face(track: int, glad: float) -> dict[str, Any]:
    return {
        "box": {"x": 1, "y": 2, "width": 30, "height": 40},
        "detection": {"detector": "d", "weight": None, "confidence": None},
        "emotion": LABELS[round(glad)],
        "confidence": max(glad, 1 - glad),
        "uncertain": False,
        "prediction_set": [LABELS[round(glad)]],
        "emotions": dict(zip(LABELS, (1 - glad, glad), strict=True)),
        "quality": {"sharpness": 1.0, "brightness": 0.5, "warnings": []},
        "track_id": track,
        "explanations": [],
    }


FRAMES = [
    VideoFrame(index=0, time_s=0.0, faces=[face(1, 0.75)], searched_from_px=24),
    VideoFrame(index=1, time_s=0.2, faces=[face(1, 1.0), face(2, 0.25)], searched_from_px=24),
    VideoFrame(index=2, time_s=0.4, faces=[], searched_from_px=24),
    VideoFrame(index=3, time_s=3661.234, faces=[face(3, 0.75)], searched_from_px=24),
]
SUMMARY = VideoSummary(duration_s=3662, frames_read=9, frames_analysed=4, tracks=[])
ERROR = VideoError(
    title="The video is damaged",
    status=422,
    detail='It ends "here", at 1.0 s.',
    instance="/v1/predict/video",
    code="undecodable_video",
    request_id="r",
)


def told(lines: Format, end: VideoSummary | VideoError, frames: list[VideoFrame] = FRAMES) -> str:
    text = lines.head() + "".join(lines.frame(frame) for frame in frames)
    return text + (lines.error(end) if isinstance(end, VideoError) else lines.summary(end))


def as_form(form: str) -> Format:
    return format_of(VideoOptions.model_validate({"format": form, "fps": 4}), [*CSV_COLUMNS, *LABELS, "error"])


@pytest.mark.parametrize("end", [SUMMARY, ERROR])
def test_ndjson(end: VideoSummary | VideoError) -> None:
    lines = [json.loads(line) for line in told(as_form("ndjson"), end).splitlines()]
    assert lines == [entry.model_dump() for entry in (*FRAMES, end)]
    assert [line["type"] for line in lines[:-1]] == ["frame"] * 4


def test_webvtt() -> None:
    head, *blocks, note = told(as_form("webvtt"), SUMMARY).split("\n\n")
    assert head == "WEBVTT"
    assert blocks == [
        "00:00:00.000 --> 00:00:00.200\nface 1: glad",
        "00:00:00.200 --> 00:00:00.400\nface 1: glad\nface 2: sad &amp; &lt;b&gt;",
        "01:01:01.234 --> 01:01:01.484\nface 3: glad",
    ]
    assert json.loads(note.removeprefix("NOTE ")) == SUMMARY.model_dump()


def test_webvtt_joins_equal_neighbours() -> None:
    """Whatever the probabilities, and in whatever order the faces come; not over a frame without them."""
    shown = [[(1, 1.0), (2, 0.0)], [(2, 0.25), (1, 0.75)], [(1, 1.0)], [], [(1, 1.0)], [(1, 0.9)]]
    frames = [
        VideoFrame(index=index, time_s=index, faces=[face(*each) for each in faces], searched_from_px=24)
        for index, faces in enumerate(shown)
    ]
    _, *blocks, _ = told(as_form("webvtt"), SUMMARY, frames).split("\n\n")
    assert blocks == [
        "00:00:00.000 --> 00:00:02.000\nface 1: glad\nface 2: sad &amp; &lt;b&gt;",
        "00:00:02.000 --> 00:00:03.000\nface 1: glad",
        "00:00:04.000 --> 00:00:05.250\nface 1: glad",
    ]


def test_webvtt_that_breaks_off_keeps_the_last_cue() -> None:
    text = told(as_form("webvtt"), ERROR, FRAMES[:1])
    assert re.findall(r".* --> .*", text) == ["00:00:00.000 --> 00:00:00.250"]
    assert json.loads(text.rstrip().rpartition("\n\nNOTE ")[2]) == ERROR.model_dump()


@pytest.mark.parametrize("form", ["ndjson", "webvtt", "csv"])
def test_a_video_without_frames(form: str) -> None:
    text = told(as_form(form), SUMMARY, [])
    assert "-->" not in text
    assert ("summary" in text) is (form != "csv")


def test_csv() -> None:
    rows = list(csv.DictReader(io.StringIO(told(as_form("csv"), SUMMARY), newline="")))
    assert list(rows[0]) == [*CSV_COLUMNS, *LABELS, "error"]
    assert [(row["index"], row["face"], row["track_id"]) for row in rows] == [
        ("0", "0", "1"),
        ("1", "0", "1"),
        ("1", "1", "2"),
        ("3", "0", "3"),
    ]
    assert float(rows[0]["glad"]) == float(rows[0]["confidence"]) == 0.75
    assert (rows[2]["emotion"], rows[2]["uncertain"], rows[2]["error"]) == (LABELS[0], "false", "")
    assert [rows[0][name] for name in ("x", "y", "width", "height")] == ["1", "2", "30", "40"]


def test_csv_that_breaks_off_says_so_in_its_last_row() -> None:
    rows = list(csv.DictReader(io.StringIO(told(as_form("csv"), ERROR, FRAMES[:1]), newline="")))
    assert len(rows) == 2
    assert rows[-1]["error"] == f"undecodable_video: {ERROR.detail}"
    assert {value for name, value in rows[-1].items() if name != "error"} == {""}
