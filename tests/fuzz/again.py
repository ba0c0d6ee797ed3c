"""python -m tests.fuzz.again --seconds S FILE…: these tests with other examples each time, until one fails."""

import argparse
import os
import random
import subprocess
import sys
import time


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+")
    parser.add_argument("--seconds", type=int, default=60)
    given = parser.parse_args()
    until, runs = time.monotonic() + given.seconds, 0
    while time.monotonic() < until or runs == 0:
        seed = random.SystemRandom().randrange(2**32)
        command = [sys.executable, "-m", "pytest", "-q", f"--hypothesis-seed={seed}", *given.files]
        status = subprocess.run(command, env={**os.environ, "FUZZ": "1"}, check=False).returncode
        if status != 0:
            print(f"once more: FUZZ=1 {' '.join(command)}")
            return status
        runs += 1
    print(f"{runs} runs, none failed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
