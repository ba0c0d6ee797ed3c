"""Seconds from the start of a process until /readyz answers 200: of the service itself, and of `make run`.

    python -m benchmarks.startup [--rounds 5]

Everything is installed before. The two take turns. /readyz is asked every 10 ms.
"""

import argparse
import os
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.processes import is_ready
from tests.ports import free_port

ROOT = Path(__file__).parents[1]
COMMANDS = {"python -m service": [sys.executable, "-m", "service"], "make run": ["make", "run"]}
LOOK_S = 0.01
GIVE_UP_S = 120.0


def ready_s(command: list[str]) -> float:
    """Seconds from the start of this command until the service is ready; it is ended then."""
    port = free_port()
    # A make that has started this one tells its own in these.
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    environment = {**kept, "HOST": "127.0.0.1", "PORT": str(port)}
    begun = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True
    )
    try:
        while not is_ready(port):
            if process.poll() is not None or time.perf_counter() - begun > GIVE_UP_S:
                raise SystemExit(f"{' '.join(command)} did not start")
            time.sleep(LOOK_S)
        return time.perf_counter() - begun
    finally:
        # make and the service.
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def measure(rounds: int) -> dict[str, list[float]]:
    """Seconds of each round by command. The first start of each is not counted: files are read from the disk then."""
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for number in range(rounds + 1):
        for name, command in COMMANDS.items():
            elapsed_s = ready_s(command)
            times[name] += [elapsed_s] if number else []
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    for name, each in measure(parser.parse_args().rounds).items():
        print(f"{name:<18} median {statistics.median(each):.2f} s ({min(each):.2f} to {max(each):.2f})")


if __name__ == "__main__":
    main()
