"""`train`: train the network, or continue from a checkpoint."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from training.commands import options as shared
from training.data.dataset import Dataset, is_fer2013

if TYPE_CHECKING:
    import keras

    from training.learning.consistent import ConsistentTeacher
    from training.learning.targets import SoftTargets
    from training.learning.train import Trainer

SHIPPED, SCRATCH = "shipped", "scratch"
# Train and validation pictures that are too few to train a network with random weights.
FEW = 5000


def add(commands: "shared.Subparsers") -> None:
    parser = commands.add_parser(
        "train",
        help="train the network; Ctrl-C leaves a checkpoint",
        description="Train the network. Ctrl-C stops after the current batch and leaves a checkpoint; "
        "--resume continues from it and gives exactly the same result.",
    )
    shared.add_data(parser)
    shared.add_run(parser)
    shared.add_recipe(parser)
    parser.add_argument(
        "--teacher",
        action="append",
        default=[],
        metavar="RUN",
        help="another run whose network is learned from (distillation), or the model that is `shipped`; may be given "
        "several times",
    )
    parser.add_argument(
        "--consistent",
        action="store_true",
        help="the teachers answer for each picture as it was augmented and mixed, not once for the unchanged face",
    )
    parser.add_argument(
        "--teacher-folds",
        type=Path,
        metavar="FOLDER",
        help="learn from the out-of-fold answers that `folds` wrote there, instead of from --teacher",
    )
    parser.add_argument(
        "--from",
        dest="start",
        metavar="RUN",
        help="start with the weights of another run, of the model that is `shipped`, or from `scratch` "
        f"(default: `shipped` for fewer than {FEW:,} pictures of your own, otherwise `scratch`)",
    )
    parser.add_argument(
        "--with-validation",
        action="store_true",
        default=None,
        help="learn from the validation faces too. Figures on them say nothing then: train a twin as well, the same "
        "without this option, which `export --twin` calibrates and measures in the run's place",
    )
    parser.add_argument("--resume", action="store_true", help="continue from the run's checkpoint")
    parser.set_defaults(run_command=run)


def run(options: argparse.Namespace) -> None:
    from training.learning.checkpoints import CHECKPOINT
    from training.learning.train import Trainer

    checkpoint = options.run / CHECKPOINT
    if not options.resume and checkpoint.exists():
        raise ValueError(f"{checkpoint} exists: pass --resume to continue, or another --run to start a new one.")
    about_targets = options.votes or options.teacher or options.consistent or options.teacher_folds
    if options.resume and (about_targets or options.start):
        raise ValueError(
            f"{checkpoint} holds its targets and weights: leave out --votes, --teacher, --consistent, --teacher-folds "
            "and --from."
        )
    if options.consistent and not options.teacher:
        raise ValueError("--consistent says how a --teacher answers: name one.")
    if not options.consistent and SHIPPED in options.teacher:
        raise ValueError(f"--teacher {SHIPPED} needs --consistent: its answers for unchanged train faces are by heart.")
    if options.teacher and options.teacher_folds:
        raise ValueError("--teacher was trained on the faces and --teacher-folds was not: name one of them.")
    fields = shared.recipe_fields(options)
    dataset = shared.load_data(options)
    trainer: Trainer = _resumed(options, dataset, fields) if options.resume else _begun(options, dataset, fields)
    trainer.run(options.run)


def _resumed(options: argparse.Namespace, dataset: Dataset, fields: dict) -> "Trainer":
    from training.learning.checkpoints import CHECKPOINT, read_checkpoint
    from training.learning.recipe import Recipe
    from training.learning.train import Trainer

    checkpoint = options.run / CHECKPOINT
    recipe = Recipe.from_json(read_checkpoint(checkpoint)[0]["recipe"])
    for name, value in fields.items():
        if getattr(recipe, name) != value:
            raise ValueError(f"{checkpoint} was begun with {name} {getattr(recipe, name)}, which cannot change.")
    if recipe.with_validation:
        dataset = dataset.with_validation_in_train()
    trainer = Trainer(recipe, dataset, None, compiled=shared.compiled(options))
    trainer.restore(options.run)
    return trainer


def _begun(options: argparse.Namespace, dataset: Dataset, fields: dict) -> "Trainer":
    from training.data.votes import load_votes, with_validation_in_train
    from training.learning import folds
    from training.learning.recipe import Recipe
    from training.learning.teacher import consistent_teacher, out_of_fold_targets, soft_targets
    from training.learning.train import Trainer
    from training.learning.votes import vote_shares
    from training.release import shipped

    start = options.start or default_start(dataset)
    recipe = Recipe.fine_tuning(len(dataset.train)) if start == SHIPPED and _is_small(dataset) else Recipe()
    votes = load_votes(options.votes, dataset) if options.votes else None
    if options.with_validation:
        dataset = dataset.with_validation_in_train()
        votes = votes and with_validation_in_train(votes)
    # Votes alone are no targets of the label head: it would learn the voters' answers instead of FER-2013's (run 1).
    soft: SoftTargets | ConsistentTeacher | None = None
    if options.consistent:
        soft = consistent_teacher(dataset, [_served(name, dataset) for name in options.teacher], votes)
    elif options.teacher:
        soft = soft_targets(dataset, [Path(name) for name in options.teacher], votes)
    elif options.teacher_folds:
        soft = out_of_fold_targets(dataset, folds.read(options.teacher_folds, dataset), votes)
    if soft is not None:
        print(f"learns from {soft.source}")
    voted = vote_shares(votes, dataset) if votes else None
    trainer = Trainer(replace(recipe, **fields), dataset, soft, voted, compiled=shared.compiled(options))
    if start == SHIPPED:
        file = shipped.file_for(dataset)
        print(f"begins with the weights of {file.name}, for {trainer.recipe.epochs} epochs (or --from scratch)")
        trainer.start_with(*shipped.read(file, dataset.train.faces), file.name)
    elif start != SCRATCH:
        trainer.start_from(Path(start))
    return trainer


def _served(name: str, dataset: Dataset) -> "keras.Model":
    """The network of a run, or the one that is `shipped`, as it is served."""
    from training.learning import checkpoints
    from training.release import shipped

    if name == SHIPPED:
        return shipped.as_run(shipped.file_for(dataset), dataset.train.faces)[0]
    network, _, metadata = checkpoints.load_kept(Path(name))
    checkpoints.check_data(checkpoints.kept(Path(name)), metadata, dataset)
    return network


def default_start(dataset: Dataset) -> str:
    """What a run starts with where --from is not given: the shipped weights for few pictures that are not FER-2013."""
    return SHIPPED if _is_small(dataset) and not is_fer2013(dataset.name, dataset.labels) else SCRATCH


def _is_small(dataset: Dataset) -> bool:
    return len(dataset.train) + len(dataset.validation) < FEW
