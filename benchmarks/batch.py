"""Many photos through `AsyncClient.predict_many`: single requests beside batches, against a running service.

    python -m benchmarks.batch URL PHOTO… [--counts 1 8 100] [--rounds 5] [--detector centerface] [--pid PID]

The ways take turns in one run. With the process id of the service, the processor time of all its processes and of this
one is given as well: unlike the time that a clock shows, it does not depend on what else the machine does, and with all
cores busy it decides how many photos are answered in a second.
"""

import argparse
import asyncio
import statistics
import sys
import time
from itertools import cycle, islice
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, "client/src")

from fer_client import AsyncClient, Result, batches

WAYS = {"single": sys.maxsize, "batch": 1}
"""From how many files on they are sent in batches."""


class Cost(NamedTuple):
    """Milliseconds per photo: by the clock, of the service's processors, of the client's."""

    elapsed_ms: float
    service_ms: float
    client_ms: float


async def measure(client: AsyncClient, photos: list[Path], detector: str, pid: int | None) -> Cost:
    clock, service_s, client_s = time.perf_counter(), processor_s(pid), time.process_time()
    async for _, answer in client.predict_many(photos, detector=detector):  # type: ignore[arg-type]
        if not isinstance(answer, Result):
            raise answer
    spent = (time.perf_counter() - clock, processor_s(pid) - service_s, time.process_time() - client_s)
    return Cost(*(1000 * each / len(photos) for each in spent))


def processor_s(pid: int | None) -> float:
    """Seconds that a process and all below it have used (Linux); 0 without one."""
    if pid is None:
        return 0.0
    used: dict[int, float] = {}
    parents: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(path.parent.name)] = int(fields[1])
        used[int(path.parent.name)] = (int(fields[11]) + int(fields[12])) / 100
    family = {pid}
    while more := {child for child, parent in parents.items() if parent in family} - family:
        family |= more
    return sum(used[each] for each in family if each in used)


async def compare(given: argparse.Namespace) -> None:
    print(f"{'photos':>6} {'way':<8}{'clock':>9}{'service':>9}{'client':>9}   milliseconds per photo, medians")
    async with AsyncClient(given.url) as client:
        for count in given.counts:
            photos = list(islice(cycle(given.photos), count))
            costs: dict[str, list[Cost]] = {way: [] for way in WAYS}
            for _ in range(given.rounds):
                for way, batches.BATCH_FROM in WAYS.items():
                    costs[way].append(await measure(client, photos, given.detector, given.pid))
            for way, spent in costs.items():
                medians = "".join(f"{statistics.median(each):>9.2f}" for each in zip(*spent, strict=True))
                print(f"{count:>6} {way:<8}{medians}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("photos", nargs="+", type=Path)
    parser.add_argument("--counts", nargs="+", type=int, default=[1, 8, 100])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--detector", choices=("haar", "centerface"), default="centerface")
    parser.add_argument("--pid", type=int)
    asyncio.run(compare(parser.parse_args()))


if __name__ == "__main__":
    main()
