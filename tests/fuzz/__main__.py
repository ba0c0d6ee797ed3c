"""python -m tests.fuzz [--minutes M]: what `make fuzz` runs, two parts at a time, for about M minutes in all."""

import argparse
import sys
from collections.abc import Iterable

from tests.run import LOGS, Part, Suite

# Shares of the time.
_TESTS = {"test_rest.py": 0.5, "test_stream.py": 0.3, "test_messages.py": 0.1, "test_files.py": 0.1}
_DECODERS = {"images": 0.25, "videos": 0.25, "messages": 0.1, "images --at-random": 0.2, "videos --at-random": 0.2}


def _parts(program: str, shares: dict[str, float], seconds: float) -> Iterable[Part]:
    for words, share in shares.items():
        arguments = [f"tests/fuzz/{word}" if word.endswith(".py") else word for word in words.split()]
        command = [sys.executable, "-m", f"tests.fuzz.{program}", *arguments, "--seconds", str(round(seconds * share))]
        yield Part(words, command, LOGS / f"fuzz-{words.replace(' ', '')}.txt")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=6.0)
    seconds = parser.parse_args().minutes * 60
    LOGS.mkdir(exist_ok=True)
    lanes = _parts("again", _TESTS, seconds), _parts("decoders", _DECODERS, seconds)
    return Suite([list(lane) for lane in lanes]).run()


if __name__ == "__main__":
    sys.exit(main())
