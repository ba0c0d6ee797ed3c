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
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import Tree, service
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


@dataclass(frozen=True)
class Usage:
    """Megabytes of the service's process and of each other, and what was answered in so many seconds before."""

    name: str
    service_mb: float
    others_mb: tuple[float, ...]
    answers: dict[int, int]
    seconds: float

    @property
    def all_mb(self) -> float:
        return self.service_mb + sum(self.others_mb)


def requests(small: list[bytes], count: int) -> Iterator[tuple[str, bytes]]:
    """A query and a body for each request."""
    large = [_enlarged(body) for body in small]
    # So that every photo meets every query, whatever their numbers.
    pairs = itertools.cycle(itertools.product(range(len(small)), QUERIES))
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


def usage(name: str, tree: Tree, answers: Counter[int], seconds: float) -> Usage:
    own, *others = tree.pss_mb().values()
    return Usage(name, own, tuple(sorted(others, reverse=True)), dict(sorted(answers.items())), seconds)


def measure(photos: list[bytes], count: int, callers: int) -> Iterator[Usage]:
    """Of a service that is started: idle, half way through so many requests, and after them."""
    with service() as (port, pid):
        tree = Tree(pid)
        yield usage("idle", tree, Counter(), 0)
        for name in ("after the first half", "after the second half"):
            begun = time.perf_counter()
            answers = soak(port, requests(photos, count // 2), callers)
            yield usage(name, tree, answers, time.perf_counter() - begun)


def row(used: Usage) -> str:
    each = ", ".join(f"{size:.0f}" for size in used.others_mb)
    statuses = ", ".join(f"{count} of {status}" for status, count in used.answers.items())
    rate = f"{sum(used.answers.values()) / used.seconds:.0f}" if used.seconds else ""
    return f"| {used.name} | {used.all_mb:.1f} | {used.service_mb:.0f} | {each} | {statuses} | {rate} |"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", nargs="+", type=Path)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--callers", type=int, default=4)
    given = parser.parse_args()
    head = ("", "all (MB)", "service", "workers, fork server, resource tracker", "answers", "a second")
    print(f"| {' | '.join(head)} |\n|{'---|' * len(head)}")
    totals = []
    for used in measure([photo.read_bytes() for photo in given.photos], given.requests, given.callers):
        print(row(used), flush=True)
        totals.append(used.all_mb)
    growth = totals[2] / totals[1] - 1
    good = max(totals) < MOST_MB and growth < MOST_GROWTH
    print(f"\ngrowth in the second half {growth:.2%}: {'within the bounds' if good else 'OVER THE BOUNDS'} "
          f"({MOST_MB:g} MB, {MOST_GROWTH:.0%})")  # fmt: skip
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
