"""The parser of `fer`, and how each of its ends becomes one line and an exit code."""

import argparse
import io
import os
import sys
from collections.abc import Sequence

from fer_client.camera import CameraError
from fer_client.cli import model, predict, video, watch
from fer_client.cli.report import EXIT_CODES, INTERRUPTED, complain, exit_code
from fer_client.errors import FerError
from fer_client.version import VERSION

# What a shell reports for a program whose reader has gone.
READER_GONE = 141
NOTICE = "A label is how a face looks, not what a person feels."


def main(argv: Sequence[str] | None = None) -> int:
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A file name need not be text that this terminal can show.
        sys.stdout.reconfigure(errors="backslashreplace")
    arguments = parser().parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Or the interpreter would fail once more when it empties the buffer.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return READER_GONE
    except (FerError, CameraError, OSError) as error:
        complain(error, getattr(error, "filename", None))
        return exit_code(error)


def parser() -> argparse.ArgumentParser:
    whole = argparse.ArgumentParser(
        prog="fer",
        description=f"Faces and their expressions, from a facial expression recognition service. {NOTICE}",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    whole.add_argument("--version", action="version", version=f"fer {VERSION}")
    commands = whole.add_subparsers(required=True, metavar="COMMAND")
    for command in (predict, video, watch, model):
        command.add(commands)
    return whole
