"""`average`: the mean of several runs' weights, as a run of its own."""

import argparse
from pathlib import Path

from training.commands import options as shared


def add(commands: "shared.Subparsers") -> None:
    parser = commands.add_parser(
        "average",
        help="the mean of several runs' weights, as a run of its own",
        description="Write the mean of several runs' weights as a new run, and print what each of them and the "
        "mean reach on the validation split. It helps with runs that started with the same weights (train --from).",
    )
    shared.add_data(parser)
    shared.add_run(parser)
    parser.add_argument(
        "--of",
        type=Path,
        action="append",
        required=True,
        metavar="RUN",
        help="a run; to be given at least twice. A run that is given twice counts twice",
    )
    parser.set_defaults(run_command=run)


def run(options: argparse.Namespace) -> None:
    from training.learning.average import average

    for name, loss, accuracy in average(options.of, options.run, shared.load_data(options)):
        print(f"{name}: validation accuracy {accuracy:.4f}, loss {loss:.4f}")
