"""The lines of a video's answer: NDJSON as values, and errors inside CSV and WebVTT."""

import csv
import json
from typing import Literal

from fer_client.errors import BadAnswer, ServiceError
from fer_client.results import Problem, VideoFrame, VideoSummary, read

TextFormat = Literal["csv", "webvtt"]
VideoFormat = Literal["ndjson", "csv", "webvtt", "mp4", "webm"]


class LineSplitter:
    """Whole lines from pieces of bytes. Lines end with LF alone; `str.splitlines` would also split inside JSON."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, piece: bytes) -> list[str]:
        """The lines that are complete with this piece, without their ends."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        return [line.decode("utf-8", "replace") for line in lines]

    def end(self) -> list[str]:
        """The last line, where it has no end."""
        rest, self._rest = self._rest, b""
        return [rest.decode("utf-8", "replace")] if rest else []


def read_video_line(line: str) -> VideoFrame | VideoSummary:
    """One line of NDJSON. Raises ServiceError for an error line, BadAnswer for a line that is not the service's."""
    foreign = f"a line of the video is not one of this service's: {line[:80]}"
    try:
        document = json.loads(line)
    except ValueError as error:
        raise BadAnswer(foreign) from error
    match document.get("type") if isinstance(document, dict) else None:
        case "frame":
            return read(VideoFrame, document)
        case "summary":
            return read(VideoSummary, document)
        case "error":
            raise read(Problem, document).error()
    raise BadAnswer(foreign)


def check_text_line(line: str, format: TextFormat) -> None:
    """Raises ServiceError for an error line: in WebVTT a NOTE, in CSV a row with nothing but its last column."""
    if format == "webvtt" and line.startswith("NOTE {"):
        read_video_line(line.removeprefix("NOTE "))
    elif format == "csv":
        cells = next(csv.reader([line]), [])
        if len(cells) > 1 and cells[-1] and not any(cells[:-1]):
            code, _, detail = cells[-1].partition(": ")
            raise ServiceError(code, 0, detail)
