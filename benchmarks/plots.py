"""The two plots of results.json: `.venv-fer/bin/python -m benchmarks.plots FOLDER`.

They are drawn in the environment of the package `fer`, which needs matplotlib itself.
"""

import json
import statistics
import sys
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")
# The same figures give the same file.
matplotlib.rcParams.update(
    {"svg.hashsalt": "fer", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False}
)

from matplotlib import pyplot as plt  # noqa: E402
from matplotlib import ticker  # noqa: E402

SIZE = (7.0, 2.8)


def callers(results: dict[str, Any], path: Path) -> None:
    """Answers a second and the 99th percentile of the wait, over the number of callers."""
    figure, (left, right) = plt.subplots(1, 2, figsize=SIZE, layout="constrained")
    for index, (detector, found) in enumerate(results["callers"].items()):
        counts = list(found["callers"])
        rates = [statistics.median(found["per_s"][count]) for count in counts]
        left.plot(counts, rates, "o-", label=detector)
        bare = statistics.median(found["per_s"]["bare processes"])
        left.axhline(bare, color=f"C{index}", linestyle=":", label=f"{detector}, bare processes")
        right.plot(counts, [found["callers"][count]["p99_ms"] for count in counts], "o-", label=detector)
    left.set(xlabel="callers at once", ylabel="answers a second", ylim=0)
    right.set(xlabel="callers at once", ylabel="99th percentile of the wait (ms)", yscale="log")
    # Plain milliseconds: 200 is read faster than a power of ten.
    right.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
    right.yaxis.set_major_formatter(ticker.StrMethodFormatter("{x:g}"))
    right.yaxis.set_minor_formatter(ticker.NullFormatter())
    left.legend(fontsize=7)
    _save(figure, path)


def streams(results: dict[str, Any], path: Path) -> None:
    """Results a second for each stream and the 95th percentile of their age, over the number of streams."""
    figure, (left, right) = plt.subplots(1, 2, figsize=SIZE, layout="constrained")
    for detector in dict.fromkeys(row["detector"] for row in results["streams"]):
        rows = [row for row in results["streams"] if row["detector"] == detector]
        counts = [row["streams"] for row in rows]
        left.plot(counts, [row["per_s_each"] for row in rows], "o-", label=detector)
        right.plot(counts, [row["age_ms"][1] for row in rows], "o-", label=detector)
    left.set(xlabel="streams at once", ylabel="results a second for each", ylim=0)
    right.set(xlabel="streams at once", ylabel="95th percentile of the age (ms)", ylim=0)
    left.legend(fontsize=7)
    _save(figure, path)


def _save(figure: Any, path: Path) -> None:
    figure.savefig(path, metadata={"Date": None, "Creator": None})
    plt.close(figure)


def main() -> None:
    folder = Path(sys.argv[1])
    results = json.loads((folder / "results.json").read_text())
    for draw in (callers, streams):
        if results.get(draw.__name__):
            draw(results, folder / f"{draw.__name__}.svg")


if __name__ == "__main__":
    main()
