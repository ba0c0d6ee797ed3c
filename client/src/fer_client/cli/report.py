"""What the commands print, and their exit codes."""

import sys

from tqdm import tqdm

from fer_client.camera import CameraError
from fer_client.cli.text import error_text, printable
from fer_client.errors import BadAnswer, FerError, ServiceError, Unreachable

GOOD, SOME_FAILED, USAGE, UNREACHABLE, REFUSED, INTERRUPTED = 0, 1, 2, 3, 4, 130
EXIT_CODES = f"""\
exit codes:
  {GOOD}    everything succeeded
  {SOME_FAILED}    some inputs failed: each is named on stderr, the others are printed
  {USAGE}    the command line was wrong
  {UNREACHABLE}    nobody answers at that address, or something else than this service
  {REFUSED}    the service refuses every input (an option, too busy)
  {INTERRUPTED}  stopped by Ctrl-C
"""

# Refusals that do not depend on the input.
REFUSALS_OF_ALL = {"invalid_option", "not_found", "method_not_allowed"}


def print_line(line: str) -> None:
    """One line on stdout, above a progress bar if there is one."""
    tqdm.write(line, file=sys.stdout)
    sys.stdout.flush()


def print_error(error: Exception | str, source: object = None) -> None:
    """One line on stderr; `source` is the input that failed."""
    message = " ".join(error_text(error).split())
    tqdm.write(printable(f"fer: {message}" if source is None else f"fer: {source}: {message}"), file=sys.stderr)


def exit_code(error: Exception) -> int:
    """SOME_FAILED for an error of one input alone, else the code for an error that every other input would meet too."""
    match error:
        case Unreachable() | BadAnswer():
            return UNREACHABLE
        case ServiceError() if error.retryable or error.status in (401, 403, 429, 503) or error.code in REFUSALS_OF_ALL:
            return REFUSED
        case FerError() | OSError() | CameraError():
            return SOME_FAILED
    raise error
