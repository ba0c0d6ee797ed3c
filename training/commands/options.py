"""Options that several subcommands share."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from training.data.dataset import Dataset
from training.data.load import load

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

DATA = Path("data/fer2013.csv")
RUN = Path("runs/default")
MODEL = Path("models/emotion.onnx")
FIGURES = Path("models/figures")


def add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data",
        type=Path,
        default=DATA,
        help="FER-2013 as fer2013.csv or icml_face_data.csv (also .gz, .xz, .zip); or a folder of pictures by label, "
        "any labels, of any size and colour: train/<label>/, test/<label>/ and, optional, val/<label>/ for validation, "
        "otherwise a tenth of train/ (default: %(default)s)",
    )
    parser.add_argument("--partial", action="store_true", help="accept a CSV with fewer rows than FER-2013 has")


def add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--run", type=Path, default=RUN, help="folder of checkpoints and history (default: %(default)s)"
    )


def add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", type=Path, default=MODEL, help="the exported file (default: %(default)s)")


def load_data(options: argparse.Namespace) -> Dataset:
    """Load the data set of the options and print its note. Raises DataError."""
    dataset = load(options.data, partial=options.partial)
    if dataset.note:
        print(f"note: {dataset.note}", file=sys.stderr)
    return dataset
