"""Programs that do one thing over and over for as long as they are told, so that several can take turns in one run.

They read seconds from standard input, a number a line, and print a line of JSON for each. Only the standard library is
needed, since they run in environments of their own, too.
"""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, TextIO, cast

Figures = dict[str, Any]


def measure(work: Callable[[int], dict[str, float]], seconds: float) -> Figures:
    """Call `work` with 0, 1, … for so long: calls a second, their median, and the medians of what it returns."""
    rows: list[dict[str, float]] = []
    times_s: list[float] = []
    begun = time.perf_counter()
    while (asked := time.perf_counter()) < begun + seconds:
        rows.append(work(len(rows)))
        times_s.append(time.perf_counter() - asked)
    medians = {name: statistics.median(row[name] for row in rows) for name in rows[0]}
    per_s = len(rows) / (time.perf_counter() - begun)
    return {"per_s": per_s, "median_ms": 1000 * statistics.median(times_s), **medians}


def serve(work: Callable[[int], dict[str, float]]) -> None:
    """Measure for the time of each line, until there is no more."""
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        print(json.dumps(measure(work, float(line))), flush=True)


class Loop:
    """Such a program, which has loaded what it needs; a context manager."""

    def __init__(self, command: Sequence[str]) -> None:
        """Raises RuntimeError where it does not start."""
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self._orders, self._lines = cast(TextIO, self._process.stdin), cast(TextIO, self._process.stdout)
        if not self._told().get("ready"):
            raise RuntimeError(f"{' '.join(command)} did not start")

    def start(self, seconds: float) -> None:
        print(seconds, file=self._orders, flush=True)

    def figures(self) -> Figures:
        """What it has measured since `start`; waits for it."""
        return self._told()

    def run(self, seconds: float) -> Figures:
        self.start(seconds)
        return self.figures()

    def __enter__(self) -> "Loop":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def _told(self) -> Figures:
        for line in self._lines:
            # Libraries print, too.
            if line.startswith("{"):
                told: Figures = json.loads(line)
                return told
        return {}
