"""Where the answer about a video goes: formats by their suffixes, whole files, files beside the videos."""

import argparse
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from fer_client.cli.files import DRAWN
from fer_client.video_lines import VideoFormat

SUFFIXES = {
    "ndjson": (".ndjson", ".jsonl", ".json"),
    "csv": (".csv",),
    "webvtt": (".vtt",),
    "mp4": (".mp4",),
    "webm": (".webm",),
    "parquet": (".parquet",),
}
FORMATS = tuple(SUFFIXES)
TABLES = ("ndjson", "csv", "parquet")
DRAWN_FORMATS = ("mp4", "webm")
PART = ".part"


def format_by_suffix(output: Path | None) -> str | None:
    """The format that a file's name asks for; None where it asks for none."""
    suffix = "" if output is None else output.suffix.lower()
    return next((form for form, suffixes in SUFFIXES.items() if suffix in suffixes), None)


def asked_format(arguments: argparse.Namespace) -> str:
    """The format of `fer video`. Exits with 2 where flags contradict each other."""
    named = None if arguments.output is None or is_folder(arguments.output) else format_by_suffix(arguments.output)
    if arguments.format and named and arguments.format != named:
        arguments.command.error(f"-o {arguments.output} says {named}, --format says {arguments.format}")
    form: str = arguments.format or named or "ndjson"
    if arguments.draw_heatmaps and form not in DRAWN_FORMATS:
        arguments.command.error("--draw-heatmaps has no effect without --format mp4 or webm")
    if arguments.explain and form in DRAWN_FORMATS:
        arguments.command.error("with mp4 and webm heatmaps are drawn: --draw-heatmaps instead of --explain")
    return form


def is_folder(output: Path) -> bool:
    """Whether -o names a folder, which need not be there yet."""
    return output.is_dir() or (not output.suffix and not output.exists())


def service_format(form: str) -> VideoFormat:
    """What the service is asked for; Parquet is made here, of its CSV."""
    match form:
        case "csv" | "parquet":
            return "csv"
        case "webvtt":
            return "webvtt"
        case "mp4":
            return "mp4"
        case "webm":
            return "webm"
    return "ndjson"


def beside(video: Path, folder: Path | None, form: str) -> Path:
    """The result of a video: `clip.mp4.csv`, `clip.faces.mp4`; in `folder`, or beside the video."""
    suffix = SUFFIXES[form][0]
    name = f"{video.stem}{DRAWN}{suffix}" if form in DRAWN_FORMATS else f"{video.name}{suffix}"
    return (folder or video.parent) / name


def is_complete(result: Path, video: Path) -> bool:
    """Whether the result is there and not older than its video: it gets its name only once it is whole."""
    try:
        return result.stat().st_mtime_ns >= video.stat().st_mtime_ns
    except OSError:
        return False


def write_whole(result: Path, pieces: Iterable[bytes], form: str) -> None:
    """As `whole`, of pieces. Raises what `pieces` raises."""
    with whole(result, form) as file:
        for piece in pieces:
            file.write(piece)


@contextmanager
def whole(result: Path, form: str) -> Iterator[BinaryIO]:
    """A file under another name, which gets its own at the end: a program that is killed leaves no half result.

    Parquet is written as CSV. Where the block raises, what was written stands in RESULT.part.
    """
    part = result.with_name(result.name + PART)
    with part.open("wb") as file:
        yield file
    if form == "parquet":
        from fer_client.tables import csv_to_parquet

        csv_to_parquet(part, part)
    part.replace(result)
