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
FOLDS = Path("runs/folds")
VOTES_WEIGHT = 0.5


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


def add_recipe(parser: argparse.ArgumentParser) -> None:
    """The options of `train` and `folds` that set fields of the recipe (`recipe_fields`)."""
    parser.add_argument(
        "--votes",
        type=Path,
        help="FER+ votes, fer2013new.csv (optional; for FER-2013 as CSV): adds a head that predicts them, and improves "
        "the answers of teachers",
    )
    parser.add_argument(
        "--votes-weight",
        type=float,
        metavar="WEIGHT",
        help=f"weight of the loss of the votes head; that of the labels has 1 (default with --votes: {VOTES_WEIGHT})",
    )
    parser.add_argument("--epochs", type=int, help="passes over the train faces")
    parser.add_argument("--rate", type=float, dest="learning_rate", help="largest learning rate")
    parser.add_argument("--final-rate", type=float, help="learning rate of the last step (default: 0)")
    parser.add_argument(
        "--mixup", type=float, metavar="ALPHA", help="mix pairs of faces, by Beta(ALPHA, ALPHA) (default: 0, none)"
    )
    parser.add_argument(
        "--mixup-until", type=float, metavar="SHARE", help="mix until this share of the epochs (default: 0.75)"
    )
    parser.add_argument(
        "--ease-from",
        type=float,
        metavar="SHARE",
        help="weaker augmentation from this share of the epochs on (default: 0.2)",
    )
    parser.add_argument(
        "--soft-share",
        type=float,
        metavar="SHARE",
        help="share of each target that is the teachers' answer (default: 0.5)",
    )
    parser.add_argument(
        "--sam",
        type=float,
        dest="sam_rho",
        metavar="RHO",
        help="sharpness-aware minimisation within RHO of the weights, at twice the work (default: 0, none)",
    )
    parser.add_argument(
        "--sam-from", type=float, metavar="SHARE", help="with --sam from this share of the epochs on (default: 0)"
    )
    parser.add_argument(
        "--size",
        type=_training_size,
        dest="sizes",
        metavar="PIXELS",
        help="training size in all epochs, a multiple of 8 (default: small faces first, which cost half as much)",
    )
    parser.add_argument(
        "--widths",
        type=_widths,
        metavar="A,B,C",
        help="channels at half, quarter and eighth size (default: 40,80,160; 60 million multiply-adds)",
    )
    parser.add_argument("--seed", type=int, help="seed of every random draw")
    parser.add_argument(
        "--plain",
        action="store_true",
        help="train without XLA, which is faster on some processors; may change when resuming",
    )
    parser.add_argument(
        "--bfloat16",
        action="store_true",
        help="multiply in bfloat16, without XLA: faster on processors that have AMX; may change when resuming",
    )


def recipe_fields(options: argparse.Namespace) -> dict:
    """The fields of the recipe that the options set. Raises ValueError for --votes-weight without --votes."""
    names = (
        *("epochs", "learning_rate", "final_rate", "mixup", "mixup_until", "ease_from", "votes_weight", "sizes"),
        *("soft_share", "sam_rho", "sam_from", "widths", "with_validation"),
    )
    # `folds` has no --with-validation.
    found = {name: getattr(options, name, None) for name in (*names, "seed")}
    given = {name: value for name, value in found.items() if value is not None}
    if options.votes:
        given.setdefault("votes_weight", VOTES_WEIGHT)
    elif "votes_weight" in given:
        raise ValueError("--votes-weight needs --votes.")
    return given


def compiled(options: argparse.Namespace) -> bool:
    """Whether steps go through XLA, by --plain and --bfloat16, which takes effect here."""
    import tensorflow as tf

    if options.bfloat16:
        # Weights, sums and losses stay in float32.
        tf.config.optimizer.set_experimental_options({"auto_mixed_precision_onednn_bfloat16": True})
    return not (options.plain or options.bfloat16)


def _training_size(text: str) -> tuple[tuple[float, int], ...]:
    """`Recipe.sizes` with one size for all epochs."""
    if not text.isdecimal() or not 16 <= int(text) <= 96 or int(text) % 8:
        raise argparse.ArgumentTypeError(f"{text} is no multiple of 8 from 16 to 96")
    return ((1.0, int(text)),)


def _widths(text: str) -> tuple[int, ...]:
    """`Recipe.widths`: three numbers of channels that squeeze and excitation can divide."""
    numbers = [int(part) if part.isdecimal() else 0 for part in text.split(",")]
    if len(numbers) != 3 or not all(4 <= number <= 1024 and number % 4 == 0 for number in numbers):
        raise argparse.ArgumentTypeError(f"{text} is not three multiples of 4 from 4 to 1024, such as 40,80,160")
    return tuple(numbers)
