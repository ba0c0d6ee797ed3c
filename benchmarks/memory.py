"""Memory of all processes of the service: idle, half way through many mixed requests, and after them.

    python -m benchmarks.memory PHOTO… [--requests 20000] [--callers 4]

A service is started. The requests take all photos in turn with both detectors, heatmaps of every kind, small faces,
and each photo enlarged to 12 megapixels once in fifty. Memory is the proportional set size of the service and of all
that it has started (memory that n processes share counts 1/n in each). The status is 1 where it is over MOST_MB at any
time, or grows by MOST_GROWTH or more in the second half.
"""

import argparse
import http.client
import itertools
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from benchmarks.processes import Tree, free_port, wait_until_ready
from service import images

MOST_MB = 450.0
MOST_GROWTH = 0.01
LARGE_WH = (4000, 3000)
LARGE_EVERY = 50
QUERIES = (
    "",
    "explain=gradcam",
    "detector=centerface",
    "explain=gradcam&heatmap=overlay&target=all",
    "detector=centerface&explain=gradcam&heatmap=overlay",
    "min_face_px=20",
    "detector=centerface&min_face_px=16",
    "crop=whole&explain=gradcam",
)


def requests(photos: list[Path], count: int) -> Iterator[tuple[str, bytes]]:
    """A query and a body for each request."""
    small = [path.read_bytes() for path in photos]
    large = [_enlarged(body) for body in small]
    # So that every photo meets every query, whatever their numbers.
    pairs = itertools.cycle(itertools.product(range(len(photos)), QUERIES))
    for number, (index, query) in zip(range(count), pairs, strict=False):
        yield query, (large if number % LARGE_EVERY == LARGE_EVERY - 1 else small)[index]


def _enlarged(body: bytes) -> bytes:
    grey = images.decode(body, max_pixels=2**25).grey
    return images.encode(".jpg", images.resize(grey, LARGE_WH))


def ask(port: int, todo: Iterator[tuple[str, bytes]], turn: threading.Lock, answers: Counter[int]) -> None:
    """One caller: request after request over one connection, until none is left."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    while True:
        with turn:
            work = next(todo, None)
        if work is None:
            connection.close()
            return
        query, body = work
        connection.request("POST", f"/v1/predict?{query}", body, {"Content-Type": "application/octet-stream"})
        answer = connection.getresponse()
        answer.read()
        answers[answer.status] += 1


def soak(port: int, todo: Iterator[tuple[str, bytes]], callers: int) -> Counter[int]:
    """All requests by so many callers at once; how many answers had which status."""
    answers: Counter[int] = Counter()
    turn = threading.Lock()
    threads = [threading.Thread(target=ask, args=(port, todo, turn, answers)) for _ in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def row(name: str, tree: Tree, answers: Counter[int], seconds: float) -> float:
    """Print a row of the table; all memory, megabytes."""
    sizes = tree.pss_mb()
    own, *others = sizes.values()
    each = ", ".join(f"{size:.0f}" for size in sorted(others, reverse=True))
    statuses = ", ".join(f"{count} of {status}" for status, count in sorted(answers.items()))
    rate = f"{answers.total() / seconds:.0f}" if seconds else ""
    total = sum(sizes.values())
    print(f"| {name} | {total:.1f} | {own:.0f} | {each} | {statuses} | {rate} |", flush=True)
    return total


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", nargs="+", type=Path)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--callers", type=int, default=4)
    given = parser.parse_args()
    port = free_port()
    environment = {**os.environ, "HOST": "127.0.0.1", "PORT": str(port)}
    process = subprocess.Popen([sys.executable, "-m", "service"], env=environment, stderr=subprocess.DEVNULL)
    try:
        wait_until_ready(process, port)
        tree, totals = Tree(process.pid), []
        head = ("", "all (MB)", "service", "workers, fork server, resource tracker", "answers", "a second")
        print(f"| {' | '.join(head)} |\n|{'---|' * len(head)}")
        totals.append(row("idle", tree, Counter(), 0))
        for name in ("after the first half", "after the second half"):
            begun = time.perf_counter()
            answers = soak(port, requests(given.photos, given.requests // 2), given.callers)
            totals.append(row(name, tree, answers, time.perf_counter() - begun))
    finally:
        process.terminate()
        process.wait()
    growth = totals[2] / totals[1] - 1
    good = max(totals) < MOST_MB and growth < MOST_GROWTH
    print(f"\ngrowth in the second half {growth:.2%}: {'within the bounds' if good else 'OVER THE BOUNDS'} "
          f"({MOST_MB:g} MB, {MOST_GROWTH:.0%})")  # fmt: skip
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
