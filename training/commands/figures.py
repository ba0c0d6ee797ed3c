"""`figures`: draw every figure that the given files allow."""

import argparse
import sys
from pathlib import Path

from training.commands import options as shared


def add(commands: "shared.Subparsers") -> None:
    parser = commands.add_parser(
        "figures",
        help="draw the data, the network, the learning curves, the errors and the heatmaps",
        description="Draw every figure that the given files allow: sample faces and class balance need the data; the "
        "network and its curves need a run; confusion matrix, classification report and Grad-CAM galleries need data "
        "and model.",
    )
    shared.add_data(parser)
    shared.add_run(parser)
    shared.add_model(parser)
    parser.add_argument(
        "--out", type=Path, default=shared.FIGURES, help="folder for the pictures (default: %(default)s)"
    )
    parser.add_argument("--data-only", action="store_true", help="sample faces and class balance, nothing more")
    parser.set_defaults(run_command=run)


def run(options: argparse.Namespace) -> None:
    from training.learning.checkpoints import kept, training_record
    from training.release import evaluate, twin
    from training.release.figures.answers import draw_model
    from training.release.figures.data import draw_data
    from training.release.figures.training import draw_training

    data = shared.load_data(options) if options.data.exists() else None
    if options.data_only:
        draw_data(data or shared.load_data(options), options.out)
        return
    if data and options.model.exists():
        # Before anything is drawn.
        evaluate.check_labels(evaluate.open_model(options.model), data)
    made, skipped = [], []
    if data:
        made += draw_data(data, options.out)
    else:
        skipped.append(f"samples and class balance: {options.data} does not exist")
    if kept(options.run).exists():
        made += draw_training(training_record(options.run), options.out)
    elif options.model.exists() and (record := evaluate.training_record(twin.of_file(options.model))):
        made += draw_training(record, options.out)
    else:
        skipped.append(f"network and curves: neither {kept(options.run)} nor {options.model} has a training record")
    if data and options.model.exists():
        made += draw_model(options.model, data, options.out)
    else:
        missing = options.data if not data else options.model
        skipped.append(f"confusion matrix, report and heatmaps: {missing} does not exist")
    for path in made:
        print(path)
    for reason in skipped:
        print(f"skipped {reason}", file=sys.stderr)
