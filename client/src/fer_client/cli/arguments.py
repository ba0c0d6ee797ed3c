"""Arguments that several commands share, and what is made of them."""

import argparse
import math
import os
from collections.abc import Callable
from typing import TypedDict

from fer_client.wire import DEFAULT_URL, Target

Run = Callable[[argparse.Namespace], int]
Commands = argparse._SubParsersAction


class Connection(TypedDict):
    """What both clients are made with."""

    base_url: str
    key: str | None
    timeout: float
    retries: int


def add_command(
    commands: "Commands[argparse.ArgumentParser]", name: str, summary: str, run: Run
) -> argparse.ArgumentParser:
    """A command that asks the service, with how to reach it."""
    command = commands.add_parser(name, help=summary, description=f"Shows {summary}.")
    command.set_defaults(run=run)
    service = command.add_argument_group("service")
    service.add_argument(
        "--url", type=_url, default=os.environ.get("FER_URL") or DEFAULT_URL, help=f"default FER_URL, or {DEFAULT_URL}"
    )
    service.add_argument("--key", type=_key, default=os.environ.get("FER_KEY") or None, help="default FER_KEY")
    service.add_argument(
        "--timeout", type=positive, default=30.0, metavar="SECONDS", help="longest wait for an answer (default 30)"
    )
    service.add_argument(
        "--retries", type=whole, default=3, metavar="N", help="how often to ask a busy service again (default 3)"
    )
    return command


def connection(arguments: argparse.Namespace) -> Connection:
    return {
        "base_url": arguments.url,
        "key": arguments.key,
        "timeout": arguments.timeout,
        "retries": arguments.retries,
    }


def add_faces(command: argparse.ArgumentParser) -> None:
    command.add_argument("--max-faces", type=count, metavar="N", help="at most so many faces, largest first")
    command.add_argument("--min-face-px", type=count, metavar="N", help="only faces at least so wide")


# --- values ------------------------------------------------------------------------------------


def count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def positive(text: str) -> float:
    number = float(text)
    if not (number > 0 and math.isfinite(number)):
        raise argparse.ArgumentTypeError("must be more than 0")
    return number


def whole(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError("must be 0 or more")
    return number


def _url(text: str) -> str:
    try:
        return Target(text).url
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _key(text: str) -> str:
    try:
        Target(DEFAULT_URL, text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text
