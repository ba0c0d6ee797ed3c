"""fer model: what the service says of its model."""

import argparse
from collections.abc import Mapping

from fer_client.cli import text
from fer_client.cli.arguments import Commands, add_command, connection
from fer_client.cli.report import GOOD, print_line
from fer_client.client import Client


def add(commands: "Commands[argparse.ArgumentParser]") -> None:
    command = add_command(commands, "model", "what the service says of its model", run)
    command.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    with Client(**connection(arguments)) as client:
        model = client.model()
    if arguments.json:
        print_line(text.json_line(model.raw))
        return GOOD
    for name, value in model.raw.items():
        print_line(text.printable(f"{name:<12} {_text(value)}"))
    return GOOD


def _text(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_text(part)}" for name, part in value.items())
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)
