"""The package `fer` (25.10.3, its own defaults) on photos, as one of the programs of benchmarks/loops.py.

    .venv-fer/bin/python -m benchmarks.peer PHOTO… [--seconds 5]

It runs in an environment of its own, which `make bench` makes: neither the service nor its tests need TensorFlow.
"""

import argparse
from collections.abc import Callable

from benchmarks import loops


def prepare(photos: list[str]) -> Callable[[int], dict[str, float]]:
    """A function that reads the n-th photo's file, in turn, and returns the number of faces."""
    # Only where it is installed.
    from fer.fer import FER

    detector = FER()

    def work(number: int) -> dict[str, float]:
        return {"faces": len(detector.detect_emotions(photos[number % len(photos)]))}

    # What is loaded late is loaded now.
    work(0)
    return work


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", nargs="+")
    parser.add_argument("--seconds", type=float)
    given = parser.parse_args()
    work = prepare(given.photos)
    if given.seconds is None:
        loops.serve(work)
    else:
        print(loops.measure(work, given.seconds))


if __name__ == "__main__":
    main()
