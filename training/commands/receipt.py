"""`receipt`: measure everything that is said of a model again, or check it."""

import argparse
from pathlib import Path

from training.commands import options as shared


def add(commands: "shared.Subparsers") -> None:
    parser = commands.add_parser(
        "receipt",
        help="measure everything that is said of the model from its file and the data: metrics.json, card, figures",
        description="Measure the exported file: both splits, changed pictures, voters, picture quality, copies across "
        "the splits, faithfulness of the heatmaps. Writes metrics.json, MODEL_CARD.md and figures/. It includes the "
        "test split, so use it for a released model, not for choosing one.",
    )
    shared.add_data(parser)
    shared.add_model(parser)
    parser.add_argument("--votes", type=Path, help="FER+ votes, fer2013new.csv (optional; for FER-2013 as CSV)")
    parser.add_argument("--out", type=Path, help="folder to write into (default: the model's)")
    parser.add_argument(
        "--check",
        action="store_true",
        help="write nothing; compare with the metrics.json and the card beside the model, and fail where they differ",
    )
    parser.set_defaults(run_command=run)


def run(options: argparse.Namespace) -> None:
    from training import receipt
    from training.data import duplicates
    from training.data.votes import load_votes

    dataset = shared.load_data(options)
    votes = load_votes(options.votes, dataset) if options.votes else None
    if not options.check:
        out = options.out or options.model.parent
        receipt.receipt(options.model, dataset, votes, out)
        print(f"{out}: metrics.json, MODEL_CARD.md and {receipt.FOLDER}/")
        return
    found = receipt.measure(options.model, dataset, votes, duplicates.find(dataset))
    lines = receipt.compare(options.model.parent, found)
    for line in lines:
        print(line)
    if lines:
        raise ValueError(f"{len(lines)} figures beside {options.model} are not those of the file and the data.")
    print(f"the figures and the card beside {options.model} are those of the file and the data")
