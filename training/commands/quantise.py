"""`quantise`: try the exported file as int8."""

import argparse

from training.commands import options as shared


def add(commands: "shared.Subparsers") -> None:
    parser = commands.add_parser(
        "quantise",
        help="try the model as int8; kept only if it is as right and much faster on one core",
        description="Quantise the exported file with training faces, in several ways, and measure accuracy on "
        "PublicTest and speed on one core. Writes int8.json beside the model for the card, and the int8 file only "
        "where it loses little and gains much. Other work on the machine blurs the speeds.",
    )
    shared.add_data(parser)
    shared.add_model(parser)
    parser.set_defaults(run_command=run)


def run(options: argparse.Namespace) -> None:
    from training.release import quantise

    print(quantise.words(quantise.try_int8(options.model, shared.load_data(options))))
