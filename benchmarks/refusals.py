"""What a refusal costs the service: its own processor time and the client's wait, by kind of refusal.

    python -m benchmarks.refusals MODEL [--refusals 2000]

A service with one worker and no queue is started. One request after the other over one kept-alive connection, each with
a photo-sized body (60 kB) behind its headers, which nobody reads. Where the service is full, because another client
holds the worker or the place for videos, it lets who was refused wait before it reads on: there 40 connections ask in
turn. `cpu` is what the service's process used per refusal (user and system time of /proc/PID/stat), with all that
belongs to it: parsing, answering, the log, dropping the body. The status is 1 where it reaches MOST_MS. Linux alone.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from benchmarks.crowd import answer_of
from tests.ports import free_port

MOST_MS = 1.0
CALLERS = 40
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


async def ask(address: str, path: str, kind: str, count: int) -> tuple[list[float], set[int]]:
    """Seconds of waiting for each of so many refusals, one after the other, and their statuses."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    waits, statuses = [], set()
    for _ in range(count):
        asked = time.perf_counter()
        writer.write(request(address, path, kind) + BODY)
        status, closes, _ = await answer_of(reader)
        waits.append(time.perf_counter() - asked)
        statuses.add(status)
        if closes:
            writer.close()
            reader, writer = await asyncio.open_connection(host, int(port))
    writer.close()
    return waits, statuses


async def measure_all(address: str, pid: int, count: int) -> bool:
    host, _, port = address.rpartition(":")
    met = True
    print(f"{'refusal':<20}{'status':>8}{'cpu':>10}{'median wait':>13}")
    for name, (path, kind) in KINDS.items():
        stop = asyncio.Event()
        hold = {"queue full (503)": keep_busy, "videos full (503)": upload_slowly}.get(name)
        holding = None if hold is None else asyncio.create_task(hold(host, int(port), stop))
        await asyncio.sleep(0.3)
        callers = CALLERS if holding else 1
        cpu_before = cpu_s(pid)
        answers = await asyncio.gather(*(ask(address, path, kind, count // callers) for _ in range(callers)))
        cpu_ms = (cpu_s(pid) - cpu_before) / (count // callers * callers) * 1000
        wait_ms = statistics.median(wait for waits, _ in answers for wait in waits) * 1000
        statuses = set().union(*(found for _, found in answers))
        stop.set()
        if holding is not None:
            await holding
        met = met and cpu_ms < MOST_MS
        print(f"{name:<20}{'/'.join(map(str, sorted(statuses))):>8}{cpu_ms:>7.2f} ms{wait_ms:>10.2f} ms", flush=True)
    return met


async def keep_busy(host: str, port: int, stop: asyncio.Event) -> None:
    """Give the worker one large image after the other."""
    _, png = cv2.imencode(".png", np.full((4000, 6000), 255, np.uint8))
    large = png.tobytes()
    reader, writer = await asyncio.open_connection(host, port, local_addr=("127.0.0.2", 0))
    while not stop.is_set():
        writer.write(request(f"{host}:{port}", "/v1/predict", TYPE, len(large)) + large)
        status, _, _ = await answer_of(reader)
        if status != 200:
            await asyncio.sleep(0.1)
    writer.close()


async def upload_slowly(host: str, port: int, stop: asyncio.Event) -> None:
    """A video that arrives fast enough not to be given up, and does not end."""
    _, writer = await asyncio.open_connection(host, port, local_addr=("127.0.0.2", 0))
    writer.write(request(f"{host}:{port}", "/v1/predict/video", "Content-Type: video/mp4", 100_000_000) + bytes(10**6))
    while not stop.is_set():
        writer.write(bytes(20_000))
        await asyncio.sleep(0.1)
    writer.close()


@contextmanager
def serving(**environment: str) -> Iterator[tuple[int, str]]:
    """The process id and the address of a service that is ready, and whose log nobody reads."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "service"],
        env={**os.environ, "FER_PORT": str(port), **environment},
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1).close()
                break
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                time.sleep(0.1)
        yield process.pid, f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--refusals", type=int, default=2000)
    given = parser.parse_args()
    with serving(FER_MODEL=str(given.model), FER_WORKERS="1", FER_QUEUE="0", FER_MAX_VIDEOS="1") as (pid, address):
        return 0 if asyncio.run(measure_all(address, pid, given.refusals)) else 1


if __name__ == "__main__":
    sys.exit(main())
