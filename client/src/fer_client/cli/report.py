"""What is said to the person at the terminal, and the exit code that says it to a program."""

import sys

from tqdm import tqdm

from fer_client.camera import CameraError
from fer_client.cli.text import printable
from fer_client.errors import BadAnswer, FerError, ServiceError, Unreachable

GOOD, SOME_FAILED, USAGE, UNREACHABLE, REFUSED, INTERRUPTED = 0, 1, 2, 3, 4, 130
EXIT_CODES = f"""\
exit codes:
  {GOOD}    all good
  {SOME_FAILED}    some inputs failed: each is named on stderr, the others are printed
  {USAGE}    the command line was wrong
  {UNREACHABLE}    nobody answers at that address, or something else than this service
  {REFUSED}    the service refuses all (its key, an option, too busy)
  {INTERRUPTED}  stopped by Ctrl-C
"""

# Refusals that hold for every input, whatever is in it.
_FOR_ALL = {"invalid_option", "not_found", "method_not_allowed"}


def show(line: str) -> None:
    """A line of the answer, past a progress bar that may be on the screen."""
    tqdm.write(line, file=sys.stdout)
    sys.stdout.flush()


def complain(error: Exception | str, about: object = None) -> None:
    """One line on stderr."""
    said = " ".join(_words(error).split())
    tqdm.write(printable(f"fer: {said}" if about is None else f"fer: {about}: {said}"), file=sys.stderr)


def exit_code(error: Exception) -> int:
    """The code of what would end every further input too; SOME_FAILED for what this one input did."""
    match error:
        case Unreachable() | BadAnswer():
            return UNREACHABLE
        case ServiceError() if error.retryable or error.status in (401, 403, 429, 503) or error.code in _FOR_ALL:
            return REFUSED
        case FerError() | OSError() | CameraError():
            return SOME_FAILED
    raise error


def _words(error: Exception | str) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error)
