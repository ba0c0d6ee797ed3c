"""What a refusal costs the service: its own processor time and the client's wait, by kind of refusal.

    python -m benchmarks.refusals MODEL [--refusals 2000]

A service with one worker and no queue is started. One request after the other over one kept-alive connection, each with
a photo-sized body (60 kB) behind its headers, which nobody reads. `cpu` is what the service's process used per refusal
(user and system time of /proc/PID/stat), with all that belongs to it: parsing, answering, dropping the body. The status
is 1 where it reaches MOST_MS. Linux alone.
"""

import argparse
import asyncio
import os
import statistics
import sys
import time
from pathlib import Path

from benchmarks.crowd import answer_of
from tests.service.processes import serving

MOST_MS = 1.0
BODY = bytes(60_000)
TYPE = "Content-Type: image/jpeg"
KINDS = {
    "option (422)": ("/v1/predict?explain=lime", TYPE),
    "type (415)": ("/v1/predict", "Content-Type: video/mp4"),
    "queue full (503)": ("/v1/predict?crop=whole", TYPE),
    "videos full (503)": ("/v1/predict/video", "Content-Type: video/mp4"),
    "no path (404)": ("/v1/nothing", TYPE),
}


def cpu_s(pid: int) -> float:
    """User and system time of a process, without its children."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def request(address: str, path: str, kind: str, size: int = len(BODY)) -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: {address}\r\n{kind}\r\nContent-Length: {size}\r\n\r\n".encode()


async def measure(address: str, pid: int, path: str, kind: str, count: int) -> tuple[float, float, set[int]]:
    """Milliseconds of processor time and median milliseconds of waiting, and the statuses."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    waits, statuses, before = [], set(), cpu_s(pid)
    for _ in range(count):
        asked = time.perf_counter()
        writer.write(request(address, path, kind) + BODY)
        status, closes, _ = await answer_of(reader)
        waits.append(time.perf_counter() - asked)
        statuses.add(status)
        if closes:
            writer.close()
            reader, writer = await asyncio.open_connection(host, int(port))
    used = cpu_s(pid) - before
    writer.close()
    return used / count * 1000, statistics.median(waits) * 1000, statuses


async def measure_all(address: str, pid: int, count: int) -> bool:
    host, _, port = address.rpartition(":")
    met = True
    print(f"{'refusal':<20}{'status':>8}{'cpu':>10}{'median wait':>13}")
    for name, (path, kind) in KINDS.items():
        # Clients of another address, whose uploads never arrive, hold the worker's place or that of a video. Both are
        # given up in time, so new ones follow.
        stop = asyncio.Event()
        holding = asyncio.create_task(hold(host, int(port), path, kind, stop)) if "full" in name else None
        await asyncio.sleep(0.3)
        # A service that is full lets a client wait a little before it reads its next request.
        cpu_ms, wait_ms, statuses = await measure(address, pid, path, kind, count // 20 if holding else count)
        stop.set()
        if holding is not None:
            await holding
        met = met and cpu_ms < MOST_MS
        print(f"{name:<20}{'/'.join(map(str, sorted(statuses))):>8}{cpu_ms:>7.2f} ms{wait_ms:>10.2f} ms", flush=True)
    return met


async def hold(host: str, port: int, path: str, kind: str, stop: asyncio.Event) -> None:
    writers = []
    while not stop.is_set():
        _, writer = await asyncio.open_connection(host, port, local_addr=("127.0.0.2", 0))
        writer.write(request(f"{host}:{port}", path, kind, 100_000))
        writers.append(writer)
        try:
            async with asyncio.timeout(0.25):
                await stop.wait()
        except TimeoutError:
            continue
    for writer in writers:
        writer.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--refusals", type=int, default=2000)
    given = parser.parse_args()
    with serving(given.model, FER_WORKERS="1", FER_QUEUE="0", FER_MAX_VIDEOS="1") as (process, address):
        return 0 if asyncio.run(measure_all(address, process.pid, given.refusals)) else 1


if __name__ == "__main__":
    sys.exit(main())
