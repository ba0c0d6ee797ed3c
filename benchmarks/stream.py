"""Delay and memory of WS /v1/stream under a client that sends faster than the service can answer.

    python -m benchmarks.stream MEDIA [--seconds 300] [--credits]
    python -m benchmarks.stream MEDIA --url ws://127.0.0.1:8000/v1/stream [--pid PID]

MEDIA is a video, played in a loop, or a photo. Without --url a service is started here and held to five analyses
a second. The client sends 30 frames a second whatever the answers; with --credits only while it holds one, as the page
does. `age` is the service's own age_ms, `delay` what the client waits from sending a frame to its result. The status is
1 where the 95th percentile of either reaches MOST_DELAY_MS, or resident memory grows by more than MOST_GROWTH_MB after
the warm-up, in all (largest less smallest) or along its trend.
"""

import argparse
import asyncio
import json
import struct
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from benchmarks.processes import service
from benchmarks.slow import ANALYSES_PER_S

FRAMES_PER_S = 30
MOST_DELAY_MS = 500.0
# Five minutes of kept frames would be 200 MB; without a leak memory changes by a tenth of a megabyte.
MOST_GROWTH_MB = 3.0
# Memory grows until each thread has its cascade and its buffers.
WARM_UP_S = 10.0
REPORT_S = 10.0


@dataclass
class Record:
    """What a client has measured; delays in milliseconds, memory as (seconds since the start, MB)."""

    answers: Counter[str] = field(default_factory=Counter)
    age_ms: list[float] = field(default_factory=list)
    delay_ms: list[float] = field(default_factory=list)
    rss_mb: list[tuple[float, float]] = field(default_factory=list)
    sent: int = 0


def resident_mb(pid: int) -> float:
    """Resident memory of a process of this machine."""
    (line,) = (line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024


# --- the client --------------------------------------------------------------------------------


def frames(media: Path) -> list[bytes]:
    """The JPEG of each frame of a video, or of a photo."""
    video = cv2.VideoCapture(str(media))
    encoded = []
    while True:
        good, image = video.read()
        if not good:
            break
        encoded.append(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes())
    if not encoded:
        raise SystemExit(f"{media} is neither a video nor a photo that OpenCV reads")
    return encoded


async def play(url: str, images: list[bytes], seconds: float, *, respect_credits: bool, pid: int | None) -> Record:
    """Send frames for `seconds`; the answers, and the memory of process `pid` meanwhile."""
    record = Record()
    async with connect(url, subprotocols=["fer.v1"], max_size=None, max_queue=None) as stream:  # type: ignore[list-item]
        credits = json.loads(await stream.recv())["credits"]
        waiting: dict[int, float] = {}
        started = time.perf_counter()
        receiving = asyncio.create_task(_receive(stream, waiting, record))
        watching = asyncio.create_task(_watch(pid, started, record))
        try:
            for number in range(round(seconds * FRAMES_PER_S)):
                await asyncio.sleep(started + number / FRAMES_PER_S - time.perf_counter())
                for task in (watching, receiving):
                    if task.done():
                        task.result()
                if respect_credits and len(waiting) >= credits:
                    continue
                waiting[number] = time.perf_counter()
                record.sent += 1
                await stream.send(
                    struct.pack(">4sId", b"FER1", number, time.time() * 1000) + images[number % len(images)]
                )
            await stream.send(json.dumps({"type": "session.close"}))
            await receiving
        finally:
            watching.cancel()
            receiving.cancel()
    return record


async def _receive(stream: ClientConnection, waiting: dict[int, float], record: Record) -> None:
    """Record the answers until the service has closed the session."""
    reason = "no session.closed"
    async for text in stream:
        message = json.loads(text)
        if message["type"] == "session.closed":
            reason = message["reason"]
            continue
        record.answers[message["type"]] += 1
        sent = waiting.pop(message["frame_id"])
        if message["type"] == "result":
            record.age_ms.append(message["age_ms"])
            record.delay_ms.append((time.perf_counter() - sent) * 1000)
    if reason != "closed by the client":
        raise SystemExit(f"the service ended the session: {reason}")


async def _watch(pid: int | None, started: float, record: Record) -> None:
    """Record memory each second, and print a line every REPORT_S."""
    printed_s = 0.0
    while True:
        elapsed_s = time.perf_counter() - started
        if pid is not None:
            record.rss_mb.append((elapsed_s, resident_mb(pid)))
        if elapsed_s - printed_s >= REPORT_S:
            printed_s = elapsed_s
            memory = f"{record.rss_mb[-1][1]:.1f} MB" if record.rss_mb else "unknown"
            recent = percentiles(record.age_ms[-round(REPORT_S * ANALYSES_PER_S) :])
            print(f"{elapsed_s:6.0f} s  age p50 {recent[0]:.0f}, p95 {recent[1]:.0f} ms  memory {memory}", flush=True)
        await asyncio.sleep(1)


# --- the verdict -------------------------------------------------------------------------------


def percentiles(values: list[float]) -> tuple[float, float, float]:
    """Median, 95th percentile and largest; infinite where there are no values."""
    if not values:
        return (np.inf, np.inf, np.inf)
    median, high, most = np.percentile(values, (50, 95, 100)).tolist()
    return median, high, most


def growth_mb(rss_mb: list[tuple[float, float]], seconds: float) -> tuple[float, float] | None:
    """Largest less smallest, and the trend (least squares) over the run, both after the warm-up."""
    warm = np.array([(at_s, mb) for at_s, mb in rss_mb if at_s >= min(WARM_UP_S, seconds / 2)])
    if len(warm) < 2:
        return None
    slope = np.polyfit(warm[:, 0], warm[:, 1], 1)[0]
    return float(np.ptp(warm[:, 1])), float(slope * (warm[-1, 0] - warm[0, 0]))


def report(record: Record, seconds: float) -> bool:
    """Print the figures; true where all are within their bounds."""
    answered = ", ".join(f"{count} {kind}" for kind, count in sorted(record.answers.items()))
    print(f"sent     {record.sent} frames in {seconds:g} s ({record.sent / seconds:.1f} a second); {answered}")
    good = True
    for name, values in (("age", record.age_ms), ("delay", record.delay_ms)):
        median, high, most = percentiles(values)
        print(f"{name:<9}p50 {median:.0f} ms, p95 {high:.0f} ms, largest {most:.0f} ms")
        good &= high < MOST_DELAY_MS
    growth = growth_mb(record.rss_mb, seconds)
    if growth is None:
        print("memory   not measured")
    else:
        spread, trend = growth
        first, last = record.rss_mb[0][1], record.rss_mb[-1][1]
        print(f"memory   {first:.1f} MB at first, {last:.1f} MB at last; after the warm-up largest less smallest")
        print(f"         {spread:.1f} MB, trend {trend:+.2f} MB over the run ({60 * trend / seconds:+.2f} MB a minute)")
        good &= max(spread, trend) <= MOST_GROWTH_MB
    print("within the bounds" if good else f"OVER THE BOUNDS ({MOST_DELAY_MS:g} ms, {MOST_GROWTH_MB:g} MB)")
    return good


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("media", type=Path)
    parser.add_argument("--url", help="a running service's stream; by default one is started, and slowed")
    parser.add_argument("--pid", type=int, help="with --url: the process of which memory is measured")
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--credits", action="store_true", help="send only while holding a credit")
    given = parser.parse_args()
    images = frames(given.media)
    run = partial(play, images=images, seconds=given.seconds, respect_credits=given.credits)
    try:
        if given.url:
            record = asyncio.run(run(given.url, pid=given.pid))
        else:
            with service("benchmarks.slow") as (port, pid):
                record = asyncio.run(run(f"ws://127.0.0.1:{port}/v1/stream", pid=pid))
    except (OSError, ConnectionClosed) as error:
        print(f"no stream: {error}", file=sys.stderr)
        return 1
    return 0 if report(record, given.seconds) else 1


if __name__ == "__main__":
    sys.exit(main())
