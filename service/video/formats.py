"""A video's results as text, piece by piece: NDJSON, WebVTT, CSV."""

import csv
import html
import io
from collections.abc import Sequence
from typing import ClassVar, Protocol

from ..schemas import Face
from .messages import VideoError, VideoFrame, VideoOptions, VideoSummary


class Format(Protocol):
    """The text of each part of an answer, in this order; "" where a format has none."""

    media_type: ClassVar[str]

    def head(self) -> str: ...

    def frame(self, frame: VideoFrame) -> str: ...

    def summary(self, summary: VideoSummary) -> str: ...

    def error(self, error: VideoError) -> str: ...


class Ndjson:
    """A JSON object per line."""

    media_type: ClassVar[str] = "application/x-ndjson"

    def head(self) -> str:
        return ""

    def frame(self, frame: VideoFrame) -> str:
        return frame.model_dump_json() + "\n"

    def summary(self, summary: VideoSummary) -> str:
        return summary.model_dump_json() + "\n"

    def error(self, error: VideoError) -> str:
        return error.model_dump_json() + "\n"


class WebVtt:
    """A line per face in the cues; summary or error is a NOTE (https://www.w3.org/TR/webvtt1/).

    A cue lasts as long as the same faces have the same labels. Its end is the time of the first frame that differs, so
    it is written with that frame; after the last frame it lasts 1 / fps seconds more.
    """

    media_type: ClassVar[str] = "text/vtt"

    def __init__(self, fps: float) -> None:
        self._frame_s = 1 / fps
        self._from_s = self._to_s = 0.0
        self._text = ""

    def head(self) -> str:
        return "WEBVTT\n\n"

    def frame(self, frame: VideoFrame) -> str:
        faces = sorted(frame.faces, key=lambda face: face.track_id or 0)
        text = "".join(f"{_words(face)}\n" for face in faces)
        cue = "" if text == self._text else self._cue(frame.time_s)
        if text != self._text:
            self._text, self._from_s = text, frame.time_s
        self._to_s = frame.time_s + self._frame_s
        return cue

    def summary(self, summary: VideoSummary) -> str:
        return f"{self._cue(self._to_s)}NOTE {summary.model_dump_json()}\n"

    def error(self, error: VideoError) -> str:
        return f"{self._cue(self._to_s)}NOTE {error.model_dump_json()}\n"

    def _cue(self, to_s: float) -> str:
        return f"{_clock(self._from_s)} --> {_clock(to_s)}\n{self._text}\n" if self._text else ""


def _words(face: Face) -> str:
    """`face 1: happy`, and the label that most voters would choose: `face 1: happy, votes sad`."""
    text = f"face {face.track_id}: {html.escape(face.emotion)}"
    return text if face.votes is None else f"{text}, votes {html.escape(max(face.votes, key=face.votes.__getitem__))}"


class Csv:
    """A header, then a row per face and frame; an error is a last row, empty but for its last column (RFC 4180)."""

    media_type: ClassVar[str] = "text/csv"

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = columns

    def head(self) -> str:
        return _row(self._columns)

    def frame(self, frame: VideoFrame) -> str:
        return "".join(
            _row(
                [
                    *(frame.index, frame.time_s, number, face.track_id),
                    *(face.box.x, face.box.y, face.box.width, face.box.height),
                    *(face.emotion, face.confidence, str(face.uncertain).lower()),
                    *face.emotions.values(),
                    *(face.votes or {}).values(),
                    "",
                ]
            )
            for number, face in enumerate(frame.faces)
        )

    def summary(self, summary: VideoSummary) -> str:
        return ""

    def error(self, error: VideoError) -> str:
        empty = [""] * (len(self._columns) - 1)
        return _row([*empty, f"{error.code}: {error.detail}"])


def format_of(options: VideoOptions, columns: Sequence[str]) -> Format:
    """The writer for `options.format`; it is for one video. `columns` are those of `descriptions.csv_columns`."""
    match options.format:
        case "ndjson":
            return Ndjson()
        case "webvtt":
            return WebVtt(options.fps)
        case "csv":
            return Csv(columns)
    raise ValueError(f"{options.format} is no text")


def _row(cells: Sequence[object]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow(cells)
    return text.getvalue()


def _clock(time_s: float) -> str:
    milliseconds = round(time_s * 1000)
    minutes, milliseconds = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    seconds, milliseconds = divmod(milliseconds, 1000)
    return f"{hours:02}:{minutes:02}:{seconds:02}.{milliseconds:03}"
