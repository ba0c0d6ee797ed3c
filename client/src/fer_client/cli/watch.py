"""fer watch: the faces before a camera, live."""

import argparse
import sys

from fer_client.camera import Camera, ffmpeg_command
from fer_client.cli import text
from fer_client.cli.arguments import Commands, add_command, add_options, chosen, connection, positive
from fer_client.cli.heatmaps import HeatmapFolder
from fer_client.cli.report import GOOD, print_error, print_line
from fer_client.client import Client
from fer_client.options import StreamOptions
from fer_client.results import FrameRefused, StreamResult

# Enough for faces across a room; a frame twice as wide takes four times as long.
WIDTH_PX = 960


def add(commands: "Commands[argparse.ArgumentParser]") -> None:
    command = add_command(commands, "watch", "the faces before a camera, live (needs ffmpeg)", run)
    source = command.add_mutually_exclusive_group()
    source.add_argument("--camera", metavar="NAME", help="which camera: /dev/video0, on macOS 0, on Windows its name")
    source.add_argument(
        "--input", metavar="FILE_OR_URL", help="a video file or a network stream (rtsp://…) instead of a camera"
    )
    command.add_argument("--json", action="store_true", help="print a line of JSON for each frame")
    command.add_argument(
        "--fps", type=positive, default=10.0, metavar="N", help="frames to read per second (default 10)"
    )
    add_options(command, StreamOptions)


def run(arguments: argparse.Namespace) -> int:
    options = chosen(arguments, StreamOptions)
    command = ffmpeg_command(source=arguments.input, camera=arguments.camera, fps=arguments.fps, width=WIDTH_PX)
    heatmaps = HeatmapFolder(arguments.explain) if arguments.explain else None
    in_place = not arguments.json and sys.stdout.isatty()
    with Client(**connection(arguments)) as client, Camera(command) as camera:
        try:
            for answer in client.stream(camera, **options):
                if isinstance(answer, FrameRefused):
                    print_error(answer.error, f"frame {answer.frame_id}")
                    continue
                if heatmaps is not None:
                    heatmaps.save(f"frame-{answer.frame_id:06}", answer.faces)
                if in_place:
                    print(f"\r\x1b[K{text.live_line(answer.faces)}", end="", flush=True)
                else:
                    print_line(_line(answer, as_json=arguments.json))
        finally:
            if in_place:
                print()
    return GOOD


def _line(answer: StreamResult, *, as_json: bool) -> str:
    return text.json_line(answer.raw) if as_json else text.live_line(answer.faces)
