"""fer model: what the service's network says of itself."""

import argparse
from collections.abc import Mapping

from fer_client.cli import text
from fer_client.cli.arguments import Commands, add_command, connection
from fer_client.cli.report import GOOD, show
from fer_client.client import Client


def add(commands: "Commands[argparse.ArgumentParser]") -> None:
    command = add_command(commands, "model", "what the service's network says of itself", run)
    command.add_argument("--json", action="store_true", help="as JSON")


def run(arguments: argparse.Namespace) -> int:
    with Client(**connection(arguments)) as client:
        model = client.model()
    if arguments.json:
        show(text.json_line(model.raw))
        return GOOD
    for name, value in model.raw.items():
        show(text.printable(f"{name:<12} {_words(value)}"))
    return GOOD


def _words(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_words(part)}" for name, part in value.items())
    if isinstance(value, list):
        return ", ".join(map(_words, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)
