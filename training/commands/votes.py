"""`votes`: a votes head for a network that is trained already."""

import argparse
import json
from pathlib import Path

from training.commands import options as shared

SHIPPED = "shipped"


def add(commands: "shared.Subparsers") -> None:
    parser = commands.add_parser(
        "votes",
        help="a second head that predicts how people vote, for a network that is trained already",
        description="Fit a second head to the features of a trained network, to predict the FER+ votes. Network and "
        "label head stay as they are. The result is a run, for `export`.",
    )
    shared.add_data(parser)
    shared.add_run(parser)
    parser.add_argument("--votes", type=Path, required=True, help="FER+ votes, fer2013new.csv")
    parser.add_argument(
        "--from",
        dest="start",
        default=SHIPPED,
        metavar="RUN",
        help="the run whose network gets the head (default: the model that is `shipped`)",
    )
    parser.add_argument("--seed", type=int, default=1, help="seed of every random draw (default: %(default)s)")
    parser.set_defaults(run_command=run)


def run(options: argparse.Namespace) -> None:
    from training.data.votes import load_votes
    from training.learning import checkpoints, votes_head
    from training.learning.votes import vote_shares
    from training.release import shipped

    dataset = shared.load_data(options)
    voted = vote_shares(load_votes(options.votes, dataset), dataset)
    if options.start == SHIPPED:
        source = shipped.file_for(dataset)
        model, metadata, history = shipped.as_run(source, dataset.train.faces)
    else:
        model, _, metadata = checkpoints.load_kept(Path(options.start))
        history = json.loads((Path(options.start) / checkpoints.HISTORY).read_text())
        source = checkpoints.kept(Path(options.start))
    checkpoints.check_data(source, metadata, dataset)
    fit = votes_head.Fit(seed=options.seed)
    loss, agreement = votes_head.add(model, metadata, history, dataset, voted, fit, options.run)
    print(f"{options.run}: agreement with voters {agreement:.4f} on validation, loss {loss:.4f}")
