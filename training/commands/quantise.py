"""`quantise`: the exported file as int8, if that is worth it."""

import argparse

from training.commands import options as shared


def add(commands: "shared.Subparsers") -> None:
    parser = commands.add_parser(
        "quantise",
        help="quantise the model to int8; kept only if it is about as accurate and much faster on one core",
        description="Quantise the exported file in several ways, and measure accuracy on the validation split and "
        "speed on one core. Writes int8.json beside the model for the card, and the int8 file only where it is about "
        "as accurate and much faster. Other work on the machine disturbs the speeds.",
    )
    shared.add_data(parser)
    shared.add_model(parser)
    parser.set_defaults(run_command=run)


def run(options: argparse.Namespace) -> None:
    from training.release import quantise

    print(quantise.summary(quantise.try_int8(options.model, shared.load_data(options))))
