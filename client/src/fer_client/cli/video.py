"""fer video: the faces of videos, while the service reads them."""

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from functools import cached_property, partial
from pathlib import Path
from typing import BinaryIO

from fer_client.cli import text
from fer_client.cli.arguments import Commands, add_command, add_options, chosen, connection
from fer_client.cli.files import in_folder, no_video
from fer_client.cli.heatmaps import HeatmapFolder
from fer_client.cli.made import Making, forget
from fer_client.cli.outputs import (
    DRAWN_FORMATS,
    FORMATS,
    TABLES,
    asked_format,
    beside,
    is_complete,
    is_folder,
    service_format,
    write_whole,
)
from fer_client.cli.parts import TableParts
from fer_client.cli.progress import Progress, time_of
from fer_client.cli.report import GOOD, SOME_FAILED, exit_code, print_error, print_line
from fer_client.cli.table import service_table
from fer_client.client import Client
from fer_client.errors import FerError
from fer_client.options import VideoOptions
from fer_client.results import VideoFrame
from fer_client.video_lines import LineSplitter, check_text_line, read_video_line

DESCRIPTION = """\
Prints the faces of videos, frame by frame. One video is printed, or written to the file of -o. Of several videos, or a
folder (all videos in it and below), each result is written beside its video (clip.mp4.ndjson, clip.faces.mp4), or into
the folder of -o; or all go into one table, where -o names a file. What is complete is skipped, unless it was made with
other options or another model: after a stop, the same command goes on where it was.
"""


def add(commands: "Commands[argparse.ArgumentParser]") -> None:
    command = add_command(commands, "video", "the faces of videos, frame by frame", run)
    command.description = DESCRIPTION
    command.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a video file, or a folder of them")
    command.add_argument(
        "--format",
        choices=FORMATS,
        help="ndjson: a JSON object per frame; csv and parquet: a row per face and frame; webvtt: subtitles; mp4 and "
        "webm: the video with everything drawn (default: what the name of -o says, or ndjson)",
    )
    command.add_argument("-o", "--output", type=Path, metavar="PATH", help="write to this file, or into this folder")
    command.add_argument("--again", action="store_true", help="read also the videos whose result is there already")
    command.add_argument("--draw-heatmaps", action="store_true", help="mp4 and webm: with a heatmap on each face")
    add_options(command, VideoOptions)


def run(arguments: argparse.Namespace) -> int:
    form = asked_format(arguments)
    paths, code = _videos(arguments.files)
    with Client(**connection(arguments)) as client:
        job = _Job(arguments, client, form, paths)
        with job.progress:
            if len(arguments.files) == 1 and not arguments.files[0].is_dir():
                return job.one(arguments.files[0])
            if arguments.output is None or is_folder(arguments.output):
                return max(code, job.beside())
            if form not in TABLES:
                arguments.command.error(f"{form} has no room for several videos; let -o name a folder")
            return max(code, job.table())


def _videos(given: list[Path]) -> tuple[list[Path], int]:
    paths, code = [], GOOD
    for path in given:
        found = in_folder(path, no_video) if path.is_dir() else [path]
        if not found:
            print_error("this folder has no videos", path)
            code = SOME_FAILED
        paths += found
    # A folder and a file in it name the same video twice.
    return list(dict.fromkeys(paths)), code


class _Job:
    """The videos of one command, all with the same options."""

    def __init__(self, arguments: argparse.Namespace, client: Client, form: str, paths: list[Path]):
        self._arguments, self._client, self._form, self._paths = arguments, client, form, paths
        self._options = _options(arguments, form)
        self._heatmaps = HeatmapFolder(arguments.explain) if arguments.explain else None
        self.progress = Progress([_size(path) for path in paths])

    def one(self, path: Path) -> int:
        """To stdout, or to the file of -o as it comes."""
        output: Path | None = self._arguments.output
        if output is not None and is_folder(output) and output.is_dir():
            return self.beside()
        if output is None and (self._form == "parquet" or (self._form in DRAWN_FORMATS and sys.stdout.isatty())):
            self._arguments.command.error(f"{self._form} needs a file: -o {path.stem}.faces.{self._form}")
        if output is not None and (self._form == "parquet" or self._form in DRAWN_FORMATS):
            return self._attempt(path, partial(self._write, output, path))
        file: BinaryIO | None = None
        with ExitStack() as stack:

            def write() -> None:
                nonlocal file
                for piece in self._pieces(path, errors=self._form != "ndjson"):
                    if output is None and self._form in DRAWN_FORMATS:
                        sys.stdout.buffer.write(piece)
                    elif output is None:
                        print_line(piece.decode("utf-8", "surrogateescape").removesuffix("\n"))
                    else:
                        # Not before the first line: a refused video must not cost the file that was there.
                        file = file or stack.enter_context(output.open("wb"))
                        file.write(piece)
                        file.flush()

            return self._attempt(path, write)

    def beside(self) -> int:
        """A file for each, which gets its name once it is whole."""
        folder: Path | None = self._arguments.output
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        code, skipped, others = GOOD, 0, 0
        for path in self._paths:
            result = beside(path, folder, self._form)
            if not self._arguments.again and is_complete(result, path):
                if self._making.is_of(result):
                    skipped += 1
                    self._begin(path)
                    self.progress.end()
                    continue
                others += 1
            failed = self._attempt(path, partial(self._write_beside, result, path))
            if failed not in (GOOD, SOME_FAILED):
                return failed
            code = max(code, failed)
            if failed == GOOD:
                print_line(text.printable(str(result)))
        if others:
            print_error(
                f"{others} of {len(self._paths)} results were made with other options or another model: read again"
            )
        if skipped:
            print_error(f"{skipped} of {len(self._paths)} videos had a result already (--again reads them again)")
        return code

    def table(self) -> int:
        """One table of all."""
        asked = {"format": service_format(self._form), **self._making.record}
        parts = TableParts(self._arguments.output, self._form, asked)
        code = GOOD
        for path in self._paths:
            failed = self._attempt(path, partial(self._add, parts, path), partial(parts.fail, path))
            if failed not in (GOOD, SOME_FAILED):
                print_error("what was read is kept; the same command goes on from there")
                return failed
            code = max(code, failed)
        parts.finish(self._paths, lambda: service_table(self._client.model(), self._client.limits()))
        return code

    @cached_property
    def _making(self) -> Making:
        """Raises FerError."""
        return Making(self._options, self._client.model())

    def _write_beside(self, result: Path, path: Path) -> None:
        making = self._making
        forget(result)
        self._write(result, path)
        making.write(result)

    def _write(self, result: Path, path: Path) -> None:
        write_whole(result, self._pieces(path), self._form)

    def _add(self, parts: TableParts, path: Path) -> None:
        if self._arguments.again or not parts.part(path).exists():
            parts.add(path, self._pieces(path))

    def _attempt(self, path: Path, work: Callable[[], object], fail: Callable[[Exception], None] | None = None) -> int:
        """The exit code; an error is told on stderr, and to `fail`."""
        try:
            work()
        except (FerError, OSError) as error:
            print_error(error, path)
            if fail is not None:
                fail(error)
            return exit_code(error)
        finally:
            self.progress.end()
        return GOOD

    def _begin(self, path: Path) -> Callable[[float | None], None]:
        return self.progress.begin(path, _size(path), self._options.get("from_s"), self._options.get("to_s"))

    def _pieces(self, path: Path, *, errors: bool = True) -> Iterator[bytes]:
        """The answer: a text in whole lines, a video as it comes. `errors`: a line of NDJSON that is one is given, too.

        Raises FerError and OSError.
        """
        form = service_format(self._form)
        answer = self._client.video_bytes(path, format=form, on_open=self._begin(path), **self._options)
        with closing(answer) as pieces:
            if form in DRAWN_FORMATS:
                yield from pieces
                return
            splitter = LineSplitter()
            for piece in pieces:
                for line in splitter.feed(piece):
                    yield from self._checked(path, line, form, errors)
            for line in splitter.end():
                yield from self._checked(path, line, form, errors)

    def _checked(self, path: Path, line: str, form: str, errors: bool) -> Iterator[bytes]:
        encoded = f"{line}\n".encode("utf-8", "surrogateescape")
        self.progress.reach(time_of(line, form))
        if form != "ndjson":
            yield encoded
            check_text_line(line, "csv" if form == "csv" else "webvtt")
            return
        try:
            answer = read_video_line(line)
        except FerError:
            if errors:
                yield encoded
            raise
        if self._heatmaps is not None and isinstance(answer, VideoFrame):
            self._heatmaps.save(f"{path.stem}-{answer.index:06}", answer.faces)
        yield encoded


def _options(arguments: argparse.Namespace, form: str) -> VideoOptions:
    if form not in DRAWN_FORMATS or not arguments.draw_heatmaps:
        return chosen(arguments, VideoOptions)
    # They are drawn, so there is nothing to choose about their form.
    heatmap, arguments.heatmap, arguments.explain = arguments.heatmap, None, Path()
    if heatmap is not None:
        arguments.command.error("--heatmap has no effect with --draw-heatmaps")
    options = chosen(arguments, VideoOptions)
    return {**options, "heatmap": None}


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
