"""fer video: the faces of a video, while the service reads it."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TextIO, get_args

from tqdm import tqdm

from fer_client.cli import text
from fer_client.cli.arguments import Commands, add_command, add_options, chosen, connection
from fer_client.cli.heatmaps import HeatmapFolder
from fer_client.cli.report import GOOD, exit_code, print_error, print_line
from fer_client.client import Client
from fer_client.errors import FerError
from fer_client.options import VideoOptions
from fer_client.results import VideoFrame
from fer_client.video_lines import TextFormat


def add(commands: "Commands[argparse.ArgumentParser]") -> None:
    command = add_command(commands, "video", "the faces of a video, frame by frame", run)
    command.add_argument("file", type=Path, metavar="FILE", help="a video file")
    command.add_argument(
        "--format",
        choices=("ndjson", *get_args(TextFormat)),
        default="ndjson",
        help="ndjson: a JSON object per frame; csv: a row per face and frame; webvtt: subtitles (default ndjson)",
    )
    command.add_argument("-o", "--output", type=Path, metavar="FILE", help="write to this file instead of stdout")
    add_options(command, VideoOptions)


def run(arguments: argparse.Namespace) -> int:
    file: TextIO | None = None
    with Client(**connection(arguments)) as client, ExitStack() as closing:
        try:
            for line in _lines(arguments, client):
                if arguments.output is None:
                    print_line(line)
                    continue
                if file is None:
                    # Not before the first line: a refused video must not cost the file that was there.
                    file = closing.enter_context(arguments.output.open("w", encoding="utf-8", newline="\n"))
                print(line, file=file, flush=True)
        except FerError as error:
            print_error(error, arguments.file)
            return exit_code(error)
    return GOOD


def _lines(arguments: argparse.Namespace, client: Client) -> Iterator[str]:
    """The answer's lines, with a progress bar on stderr."""
    options = chosen(arguments, VideoOptions)
    heatmaps = HeatmapFolder(arguments.explain) if arguments.explain else None
    hidden = not sys.stderr.isatty()
    if arguments.format != "ndjson":
        lines = client.video_text(arguments.file, format=arguments.format, **options)
        yield from tqdm(lines, unit="line", disable=hidden, leave=False)
        return
    begin_s = arguments.from_s or 0.0
    total_s = None if arguments.to_s is None else arguments.to_s - begin_s
    with tqdm(total=total_s, unit="s of video", unit_scale=True, disable=hidden, leave=False) as progress:
        for line in client.video(arguments.file, **options):
            if isinstance(line, VideoFrame):
                progress.update(max(0.0, line.time_s - begin_s - progress.n))
                if heatmaps is not None:
                    heatmaps.save(f"{arguments.file.stem}-{line.index:06}", line.faces)
            yield text.json_line(line.raw)
