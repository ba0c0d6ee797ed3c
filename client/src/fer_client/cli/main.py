"""The `fer` command: its parser, and how every end becomes one line and an exit code."""

import argparse
import io
import os
import re
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from typing import NoReturn

from fer_client.camera import CameraError
from fer_client.cli import model, predict, video, watch
from fer_client.cli.arguments import add_connection
from fer_client.cli.report import EXIT_CODES, GOOD, INTERRUPTED, exit_code, print_error
from fer_client.errors import FerError
from fer_client.version import VERSION

# What a shell reports for a program whose reader has gone.
READER_GONE = 141
NOTICE = "A label is how a face looks, not what a person feels."


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `fer` with these arguments (default: the process's) and returns its exit code.

    Raises SystemExit for --help, --version and a wrong command line.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A file name need not be text that this terminal can show.
        sys.stdout.reconfigure(errors="backslashreplace")
    fer = parser()
    arguments, unknown = fer.parse_known_args(argv)
    if unknown:
        _refuse(arguments.command, unknown)
    if arguments.run is None:
        fer.print_help()
        return GOOD
    try:
        return int(arguments.run(arguments))
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Otherwise the interpreter would fail again when it flushes the buffer.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return READER_GONE
    except (FerError, CameraError, OSError) as error:
        print_error(error, getattr(error, "filename", None))
        return exit_code(error)


def parser() -> argparse.ArgumentParser:
    """The parser with all commands."""
    fer = argparse.ArgumentParser(
        prog="fer",
        description=f"Faces and their expressions, from a facial expression recognition service. {NOTICE}",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    fer.set_defaults(run=None, command=fer)
    add_connection(fer, is_default=True)
    fer.add_argument("--version", action="version", version=f"fer {VERSION}")
    commands = fer.add_subparsers(metavar="COMMAND")
    for command in (predict, video, watch, model):
        command.add(commands)
    return fer


def _refuse(command: argparse.ArgumentParser, unknown: Sequence[str]) -> NoReturn:
    """Names what does not exist; the usage before it lists what does."""
    flags = re.findall(r"--[a-z-]+", command.format_usage())
    similar = [match for name in unknown for match in get_close_matches(name.partition("=")[0], flags, 1)]
    command.error(f"unknown: {' '.join(unknown)}{f' (did you mean {similar[0]}?)' if similar else ''}")
