"""All steps from a data set to a model that the service loads: what `make train` and the training container run.

One process, so that Ctrl-C or `docker stop` reaches the training and leaves a checkpoint.
"""

import argparse
import shlex
import sys
from pathlib import Path

import training.__main__ as command_line
from training.commands import options as shared

CHECKPOINT = "checkpoint.npz"


def main(arguments: list[str] | None = None) -> int:
    """Run every step in order and stop at the first that fails, with its exit status."""
    for step in steps(*_parser().parse_known_args(arguments)):
        print(f"--- python -m training {shlex.join(step)}", flush=True)
        status = command_line.main(step)
        if status:
            return status
    return 0


def steps(options: argparse.Namespace, for_training: list[str]) -> list[list[str]]:
    """The command lines in order; `for_training` are further options of `train`."""
    source = ["--data", str(find_data(options.data)), *(["--partial"] if options.partial else [])]
    run, model = ["--run", str(options.run)], ["--model", str(options.model)]
    figures = ["figures", *source, *run, *model, "--out", str(options.model.parent / "figures")]
    votes = options.votes or find_votes(options.data)
    # A checkpoint holds its soft targets, so --votes is only for a new run.
    begun = (options.run / CHECKPOINT).exists()
    how = ["--resume"] if begun else ["--votes", str(votes)] if votes else []
    train = [*source, *run, *how, *for_training]
    return [
        [*figures, "--data-only"],
        ["train", *train],
        ["export", *source, *run, *model],
        ["evaluate", *source, *model, "--split", "validation"],
        figures,
    ]


def find_data(path: Path) -> Path:
    """The data in a folder: Kaggle's CSV by name, else a zip, else the folder itself. A file is returned as it is."""
    if path.is_dir() and not (path / "train").is_dir():
        for pattern in ("fer2013.csv*", "icml_face_data.csv*", "*.zip"):
            for file in sorted(path.glob(pattern)):
                return file
    return path


def find_votes(path: Path) -> Path | None:
    """FER+ votes in the data folder or beside the data file; None for folders of pictures, which they do not match."""
    if find_data(path).is_dir():
        return None
    votes = (path if path.is_dir() else path.parent) / "fer2013new.csv"
    return votes if votes.exists() else None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.all",
        description="Figures of the data, training (continues from a checkpoint), export, evaluation on "
        "validation, all figures. Options that are not listed are passed to the training: --epochs 2.",
    )
    parser.add_argument(
        "--data",
        type=Path,
        default=Path("data"),
        help="FER-2013, or the folder it lies in, or any folder of pictures as train/<label>/ and test/<label>/ "
        "(default: %(default)s)",
    )
    parser.add_argument("--partial", action="store_true", help="accept a CSV with fewer rows than FER-2013 has")
    parser.add_argument("--votes", type=Path, help="FER+ votes (default: fer2013new.csv beside the data, if there)")
    parser.add_argument("--run", type=Path, default=shared.RUN, help="checkpoints (default: %(default)s)")
    parser.add_argument("--model", type=Path, default=shared.MODEL, help="result (default: %(default)s)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
