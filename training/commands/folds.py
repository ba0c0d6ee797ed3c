"""`folds`: answers for every train face by a network that was not trained on it."""

import argparse
from pathlib import Path

from training.commands import options as shared


def add(commands: "shared.Subparsers") -> None:
    parser = commands.add_parser(
        "folds",
        help="out-of-fold answers for all train faces, to teach another network with",
        description="Split the train faces into five folds and train a network on all folds but one, for each of them. "
        "Write its answers for the fold that was left out. Ctrl-C leaves a checkpoint; the same command continues.",
    )
    shared.add_data(parser)
    shared.add_recipe(parser)
    parser.add_argument(
        "--run", type=Path, default=shared.FOLDS, help="folder of the folds' runs (default: %(default)s)"
    )
    parser.add_argument(
        "--from", type=Path, dest="start", metavar="RUN", help="a run whose weights all folds start with"
    )
    parser.set_defaults(run_command=run)


def run(options: argparse.Namespace) -> None:
    from training.data.votes import load_votes
    from training.learning import folds
    from training.learning.recipe import Recipe
    from training.learning.votes import vote_shares

    dataset = shared.load_data(options)
    voted = vote_shares(load_votes(options.votes, dataset), dataset) if options.votes else None
    recipe = Recipe(**shared.recipe_fields(options))
    found = folds.train_all(options.run, dataset, recipe, options.start, voted, compiled=shared.compiled(options))
    print(folds.summary(found))
