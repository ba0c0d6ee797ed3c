"""The arguments that commands share, and the values that are made of them."""

import argparse
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypedDict, TypeVar

from fer_client.options import OptionType, option_types
from fer_client.requests import DEFAULT_URL, Address, headers

Run = Callable[[argparse.Namespace], int]
Commands = argparse._SubParsersAction
Options = TypeVar("Options")

# Flags and placeholders that do not follow from an option's name.
FLAGS = {"from_s": "--from", "to_s": "--to"}
METAVARS = {"target": "LABEL", "from_s": "SECONDS", "to_s": "SECONDS", "max_age_ms": "MS", "smoothing": "SHARE"}
# They say what to explain and how: without --explain they would have no effect.
EXPLANATION_OPTIONS = ("heatmap", "target", "head", "explain_every")
# Files for people to look at, so not the service's default.
HEATMAP = "overlay"


class Connection(TypedDict):
    """The arguments of `Client` and `AsyncClient`."""

    base_url: str
    api_key: str | None
    timeout: float
    retries: int


def add_command(
    commands: "Commands[argparse.ArgumentParser]", name: str, summary: str, run: Run
) -> argparse.ArgumentParser:
    """A command that asks the service, with the options for its address and for retries."""
    command = commands.add_parser(name, help=summary, description=f"Prints {summary}.", allow_abbrev=False)
    command.set_defaults(run=run, command=command)
    add_connection(command, is_default=False)
    return command


def add_connection(command: argparse.ArgumentParser, *, is_default: bool) -> None:
    """The options for the service's address and for retries. Both `fer` and its commands take them.

    Only `fer` has the defaults: those of a command would replace what was given before its name.
    """

    def default(value: object) -> Any:
        return value if is_default else argparse.SUPPRESS

    service = command.add_argument_group("service")
    service.add_argument(
        "--url",
        type=_url,
        default=default(os.environ.get("FER_URL") or DEFAULT_URL),
        help=f"the service's address (default: the environment variable FER_URL, or {DEFAULT_URL})",
    )
    service.add_argument(
        "--api-key",
        type=_api_key,
        default=default(os.environ.get("FER_API_KEY") or None),
        metavar="KEY",
        help="the key, where the service needs one (default: the environment variable FER_API_KEY, which other users "
        "of this machine cannot see)",
    )
    service.add_argument(
        "--timeout", type=positive, default=default(30.0), metavar="SECONDS", help="longest wait for data (default 30)"
    )
    service.add_argument(
        "--retries",
        type=whole,
        default=default(3),
        metavar="N",
        help="how often to try again where the service is busy (default 3)",
    )


def connection(arguments: argparse.Namespace) -> Connection:
    return {
        "base_url": arguments.url,
        "api_key": arguments.api_key,
        "timeout": arguments.timeout,
        "retries": arguments.retries,
    }


def add_options(command: argparse.ArgumentParser, options: type[Any]) -> None:
    """A flag for each option of a call. The service checks the values' limits, so they are not repeated here."""
    group = command.add_argument_group("analysis")
    for name, described in option_types(options).items():
        if name == "explain":
            explain = "save a heatmap of each face in this folder: the parts that led to the label"
            group.add_argument("--explain", type=Path, metavar="DIR", help=explain)
        else:
            group.add_argument(flag(name), dest=name, help=_help(name, described), **_value(name, described))


def flag(name: str) -> str:
    return FLAGS.get(name, f"--{name.replace('_', '-')}")


def chosen(arguments: argparse.Namespace, options: type[Options]) -> Options:
    """The options of a call as they were given. Exits with 2 for one that would have no effect."""
    values = {name: getattr(arguments, name) for name in option_types(options)}
    if values["explain"] is None:
        for name in EXPLANATION_OPTIONS:
            if values.get(name) is not None:
                arguments.command.error(f"{flag(name)} has no effect without --explain")
    else:
        values["explain"] = "gradcam"
        if "heatmap" in values:
            values["heatmap"] = values["heatmap"] or HEATMAP
    return options(**values)


def _help(name: str, described: OptionType) -> str:
    default = HEATMAP if name == "heatmap" else described.option.default
    words = described.option.meaning
    if name in EXPLANATION_OPTIONS:
        words = f"with --explain: {words}"
    return words if default is None else f"{words} (default {default:{'g' if isinstance(default, float) else ''}})"


def _value(name: str, described: OptionType) -> dict[str, Any]:
    if described.choices:
        return {"choices": described.choices}
    return {"type": finite if described.type is float else described.type, "metavar": METAVARS.get(name, "N")}


# --- values ------------------------------------------------------------------------------------


def count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def positive(text: str) -> float:
    number = finite(text)
    if number <= 0:
        raise argparse.ArgumentTypeError("must be more than 0")
    return number


def finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise argparse.ArgumentTypeError("must be a finite number")
    return number


def whole(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError("must be 0 or more")
    return number


def _api_key(text: str) -> str:
    try:
        headers(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


def _url(text: str) -> str:
    try:
        return Address(text).url
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
