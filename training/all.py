"""All steps from a data set to a model that the service loads: what `make train` and the training container run.

One process, so that Ctrl-C or `docker stop` reaches the training and leaves a checkpoint.
"""

import argparse
import shlex
import sys
from pathlib import Path

import training.__main__ as command_line
from training.commands import options as shared
from training.data.dataset import DataError, is_fer2013
from training.data.folders import find_root
from training.data.load import load
from training.release.place import check_place

CHECKPOINT = "checkpoint.npz"


def main(arguments: list[str] | None = None) -> int:
    """Run every step in order and stop at the first that fails, with its exit status."""
    options, for_training = _parser().parse_known_args(arguments)
    if "--with-validation" in for_training:
        # Now and not at export, which comes after the training.
        print("error: --with-validation needs a twin beside it; train both and `export --twin`.", file=sys.stderr)
        return 1
    try:
        own = _has_own_pictures(options)
    except (DataError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for step in steps(options, for_training, own=own):
        print(f"--- python -m training {shlex.join(step)}", flush=True)
        status = command_line.main(step)
        if status:
            return status
    return 0


def _has_own_pictures(options: argparse.Namespace) -> bool:
    """Whether the data is not FER-2013. Raises ValueError where its model would overwrite FER-2013's."""
    path = find_data(options.data)
    if not path.is_dir():
        return False
    data = load(path)
    if not options.force:
        # Here and not only at export, which comes after the training.
        check_place(options.model, data)
    return not is_fer2013(data.name, data.labels)


def steps(options: argparse.Namespace, for_training: list[str], *, own: bool = False) -> list[list[str]]:
    """The command lines in order; `for_training` are further options of `train`.

    With a user's `own` pictures the test split is measured, too. FER-2013's is measured for a release alone.
    """
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
        ["export", *source, *run, *model, *(["--force"] if options.force else [])],
        ["evaluate", *source, *model, "--split", "validation"],
        *([["evaluate", *source, *model, "--split", "test"]] if own else []),
        figures,
    ]


def find_data(path: Path) -> Path:
    """The data in a folder: Kaggle's CSV by name, an archive, or the folder itself. A file is returned as it is."""
    if path.is_dir() and not (find_root(path) / "train").is_dir():
        for pattern in ("fer2013.csv*", "icml_face_data.csv*", "*.zip", "*.tar.gz"):
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
    parser.add_argument("--force", action="store_true", help="overwrite a model of FER-2013 with one of other data")
    return parser


if __name__ == "__main__":
    sys.exit(main())
