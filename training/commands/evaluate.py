"""`evaluate`: measure the exported file on one split."""

import argparse

from training.commands import options as shared
from training.data.dataset import SPLITS


def add(commands: "shared.Subparsers") -> None:
    parser = commands.add_parser(
        "evaluate",
        help="measure the exported file through the service's classifier; writes metrics.json and MODEL_CARD.md",
        description="Measure the exported file through the service's own classifier. Writes metrics.json and "
        "MODEL_CARD.md beside it; figures of the other split stay if they are of the same file.",
    )
    shared.add_data(parser)
    shared.add_model(parser)
    parser.add_argument(
        "--split",
        choices=SPLITS[1:],
        default=SPLITS[1],
        help="validation while choosing a model; test once for a released one (default: %(default)s)",
    )
    parser.set_defaults(run_command=run)


def run(options: argparse.Namespace) -> None:
    from training.release.evaluate import evaluate, summary

    figures = evaluate(options.model, shared.load_data(options), options.split)
    print(summary(options.split, figures))
