"""fer video: a film in, the faces of its frames out while it is analysed."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TextIO

from tqdm import tqdm

from fer_client.cli import text
from fer_client.cli.arguments import Commands, add_command, add_options, chosen, connection
from fer_client.cli.heatmaps import HeatmapFolder
from fer_client.cli.report import GOOD, complain, exit_code, show
from fer_client.client import Client
from fer_client.errors import FerError
from fer_client.options import VideoOptions
from fer_client.results import VideoFrame


def add(commands: "Commands[argparse.ArgumentParser]") -> None:
    command = add_command(commands, "video", "the faces of a film, frame by frame", run)
    command.add_argument("file", type=Path, metavar="FILE")
    command.add_argument("--format", choices=("ndjson", "csv", "webvtt"), default="ndjson", help="default ndjson")
    command.add_argument("-o", "--output", type=Path, metavar="FILE", help="write there instead of to stdout")
    add_options(command, VideoOptions)


def run(arguments: argparse.Namespace) -> int:
    file: TextIO | None = None
    with Client(**connection(arguments)) as client, ExitStack() as closing:
        try:
            for line in _lines(arguments, client):
                if arguments.output is None:
                    show(line)
                    continue
                if file is None:
                    # Not before the first line: a refused film must not cost the file that was there.
                    file = closing.enter_context(arguments.output.open("w", encoding="utf-8", newline="\n"))
                print(line, file=file, flush=True)
        except FerError as error:
            complain(error, arguments.file)
            return exit_code(error)
    return GOOD


def _lines(arguments: argparse.Namespace, client: Client) -> Iterator[str]:
    """The answer's lines; a bar on stderr shows how far they are."""
    options = chosen(arguments, VideoOptions)
    heatmaps = HeatmapFolder(arguments.explain) if arguments.explain else None
    hidden = not sys.stderr.isatty()
    if arguments.format != "ndjson":
        lines = client.video_text(arguments.file, format=arguments.format, **options)
        yield from tqdm(lines, unit="line", disable=hidden, leave=False)
        return
    begin_s = arguments.from_s or 0.0
    total_s = None if arguments.to_s is None else arguments.to_s - begin_s
    with tqdm(total=total_s, unit="s of film", unit_scale=True, disable=hidden, leave=False) as progress:
        for said in client.video(arguments.file, **options):
            if isinstance(said, VideoFrame):
                progress.update(max(0.0, said.time_s - begin_s - progress.n))
                if heatmaps is not None:
                    heatmaps.save(f"{arguments.file.stem}-{said.index:06}", said.faces)
            yield text.json_line(said.raw)
