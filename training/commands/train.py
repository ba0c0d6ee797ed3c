"""`train`: train the network, or continue from a checkpoint."""

import argparse
from pathlib import Path

from training.commands import options as shared


def add(commands: "shared.Subparsers") -> None:
    parser = commands.add_parser(
        "train",
        help="train the network; Ctrl-C leaves a checkpoint",
        description="Train the network. Ctrl-C stops after the current batch and leaves a checkpoint; "
        "--resume continues from it and gives exactly the same result.",
    )
    shared.add_data(parser)
    shared.add_run(parser)
    parser.add_argument(
        "--votes", type=Path, help="FER+ votes, fer2013new.csv (optional; for FER-2013 as CSV; raises accuracy)"
    )
    parser.add_argument(
        "--teacher",
        type=Path,
        action="append",
        default=[],
        metavar="RUN",
        help="another run whose best network is learned from (distillation); may be given several times",
    )
    parser.add_argument(
        "--from", type=Path, dest="start", metavar="RUN", help="start with the best weights of another run"
    )
    parser.add_argument("--epochs", type=int, help="passes over the train faces")
    parser.add_argument("--rate", type=float, dest="learning_rate", help="largest learning rate")
    parser.add_argument(
        "--size",
        type=_training_size,
        dest="sizes",
        metavar="PIXELS",
        help="training size in all epochs, a multiple of 8 (default: small faces first, which cost half as much)",
    )
    parser.add_argument("--seed", type=int, help="seed of every random draw")
    parser.add_argument("--resume", action="store_true", help="continue from the run's checkpoint")
    parser.set_defaults(run_command=run)


def _training_size(text: str) -> tuple[tuple[float, int], ...]:
    """`Recipe.sizes` with one size for all epochs."""
    if not text.isdecimal() or not 16 <= int(text) <= 96 or int(text) % 8:
        raise argparse.ArgumentTypeError(f"{text} is no multiple of 8 from 16 to 96")
    return ((1.0, int(text)),)


def run(options: argparse.Namespace) -> None:
    from training.data.votes import load_votes
    from training.learning.checkpoints import CHECKPOINT, read_checkpoint
    from training.learning.recipe import Recipe
    from training.learning.teacher import soft_targets
    from training.learning.train import Trainer

    names = ("epochs", "learning_rate", "sizes", "seed")
    given = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    checkpoint = options.run / CHECKPOINT
    if not options.resume and checkpoint.exists():
        raise ValueError(f"{checkpoint} exists: pass --resume to continue, or another --run to start a new one.")
    recipe = Recipe.from_json(read_checkpoint(checkpoint)[0]["recipe"]) if options.resume else Recipe(**given)
    for name, value in given.items():
        if getattr(recipe, name) != value:
            raise ValueError(f"{checkpoint} was begun with {name} {getattr(recipe, name)}, which cannot change.")
    if options.resume and (options.votes or options.teacher or options.start):
        raise ValueError(f"{checkpoint} holds its soft targets and weights: leave out --votes, --teacher and --from.")
    dataset = shared.load_data(options)
    if options.resume:
        trainer = Trainer(recipe, dataset, None)
        trainer.restore(options.run)
    else:
        votes = load_votes(options.votes, dataset) if options.votes else None
        trainer = Trainer(recipe, dataset, soft_targets(dataset, options.teacher, votes))
        if options.start:
            trainer.start_from(options.start)
    trainer.run(options.run)
