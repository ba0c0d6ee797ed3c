"""The command line: python -m training COMMAND."""

import argparse
import os
import sys
from collections.abc import Callable

# Without this TensorFlow prints many lines at start, such as about CUDA.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# ONNX Runtime's Linux builds report usage to their maker unless told otherwise before they are loaded.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

from training.commands import average, evaluate, export, figures, folds, framing, quantise, receipt, train, votes
from training.data.dataset import DataError

COMMANDS = (figures, train, folds, votes, average, export, evaluate, receipt, quantise, framing)


def main(arguments: list[str] | None = None) -> int:
    """Run one subcommand. Returns 0 when done, 1 for unusable data or a failed proof, 130 when interrupted."""
    options = _parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], None] = options.run_command
    try:
        run(options)
    except (DataError, ValueError, FileNotFoundError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")
    for command in COMMANDS:
        command.add(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
