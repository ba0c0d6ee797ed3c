"""Many streams at once: results a second for each, and how old they are.

    python -m benchmarks.streams MEDIA [--streams 1 4 16 32] [--seconds 20] [--detector haar]

MEDIA is a video, played in a loop, or a photo. A service is started for each number of streams. Each stream is offered
30 frames a second, whether or not it holds a credit. `age` is the service's own age_ms, `delay` what the client waits
from sending a frame to its result. The client shares the cores with the service, so it does as little as it can: frames
are encoded before, and its mask is zero. Seconds of processor time for each second of the run are printed for all.
"""

import argparse
import asyncio
import base64
import json
import os
import re
import struct
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.processes import Tree, service
from benchmarks.stream import FRAMES_PER_S, frames, percentiles

# What is sent before the figures are counted: workers and tracks have to be there.
WARM_UP_S = 3.0
HEAD = (
    "streams",
    "results a second for each (least to most)",
    "in all",
    "age p50, p95, largest (ms)",
    "delay p50, p95 (ms)",
    "dropped, errors",
    "cores: client, service, workers",
)
_TYPE = re.compile(rb'"type": ?"(result|dropped|error|session\.[a-z]+)"')
_AGE = re.compile(rb'"age_ms": ?([0-9.]+)')
_ID = re.compile(rb'"frame_id": ?([0-9]+)')


@dataclass
class Record:
    """What one stream has measured; milliseconds."""

    answers: Counter[str] = field(default_factory=Counter)
    age_ms: list[float] = field(default_factory=list)
    delay_ms: list[float] = field(default_factory=list)
    reason: str = ""


class Stream(asyncio.Protocol):
    """A WebSocket client that only does what the measurement needs."""

    def __init__(self, address: str, options: dict[str, str]) -> None:
        self.record = Record()
        self.opened, self.ended = asyncio.Event(), asyncio.Event()
        self._address, self._options = address, options
        self._buffer = bytearray()
        self._sent: dict[int, float] = {}
        self._shaken = False
        self.counts = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]
        key = base64.b64encode(os.urandom(16)).decode()
        self._transport.write(
            f"GET /v1/stream HTTP/1.1\r\nHost: {self._address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: fer.v1\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
        )

    def send(self, number: int, jpeg: bytes) -> None:
        now = time.perf_counter()
        self._sent[number] = now
        header = struct.pack(">4sId", b"FER1", number, now * 1000)
        self._transport.writelines([masked(0x82, len(header) + len(jpeg)), header, jpeg])

    def command(self, **message: object) -> None:
        text = json.dumps(message).encode()
        self._transport.write(masked(0x81, len(text)) + text)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._shaken:
            head, found, rest = self._buffer.partition(b"\r\n\r\n")
            if not found:
                return
            if not head.startswith(b"HTTP/1.1 101"):
                raise SystemExit(head.decode(errors="replace"))
            self._shaken, self._buffer = True, rest
            self.command(type="session.update", **self._options)
        for opcode, payload in unpacked(self._buffer):
            self._on_message(opcode, payload)

    def connection_lost(self, error: Exception | None) -> None:
        self.record.reason = self.record.reason or "the connection was lost"
        self.opened.set()
        self.ended.set()

    def _on_message(self, opcode: int, payload: bytes) -> None:
        if opcode != 1:
            return
        kind = next(reversed(_TYPE.findall(payload))).decode()
        if kind == "session.updated":
            self.opened.set()
        elif kind == "session.closed":
            self.record.reason = json.loads(payload)["reason"]
        elif kind != "session.created":
            self._on_answer(kind, payload)

    def _on_answer(self, kind: str, payload: bytes) -> None:
        sent = self._sent.pop(int(_ID.findall(payload)[-1]))
        if not self.counts:
            return
        self.record.answers[kind] += 1
        if kind == "result":
            self.record.age_ms.append(float(_AGE.findall(payload)[-1]))
            self.record.delay_ms.append((time.perf_counter() - sent) * 1000)


def masked(first: int, size: int) -> bytes:
    """The header of a client's WebSocket message of fewer than 65,536 bytes (RFC 6455, 5.2), with a mask of zero."""
    length = struct.pack(">BB", first, 0x80 | size) if size < 126 else struct.pack(">BBH", first, 0x80 | 126, size)
    return length + bytes(4)


def unpacked(buffer: bytearray) -> Iterator[tuple[int, bytes]]:
    """The server's whole messages at the beginning of the buffer, which are removed from it: opcode and payload."""
    while len(buffer) >= 2:
        size, start = buffer[1] & 0x7F, 2
        if size == 126:
            size, start = int.from_bytes(buffer[2:4]), 4
        elif size == 127:
            size, start = int.from_bytes(buffer[2:10]), 10
        if len(buffer) < start + size:
            return
        opcode, payload = buffer[0] & 0x0F, bytes(buffer[start : start + size])
        del buffer[: start + size]
        yield opcode, payload


async def play(port: int, count: int, images: list[bytes], seconds: float, options: dict[str, str]) -> list[Record]:
    """Send frames to `count` streams, evenly spread over time; what each has measured after the warm-up."""
    loop = asyncio.get_running_loop()
    streams = [
        (await loop.create_connection(lambda: Stream(f"127.0.0.1:{port}", options), "127.0.0.1", port))[1]
        for _ in range(count)
    ]
    await asyncio.gather(*(stream.opened.wait() for stream in streams))
    started = loop.time()
    for tick in range(round((WARM_UP_S + seconds) * FRAMES_PER_S) * count):
        number, index = divmod(tick, count)
        late = started + tick / (FRAMES_PER_S * count) - loop.time()
        if late > 0 or tick % 8 == 0:
            await asyncio.sleep(max(0.0, late))
        stream = streams[index]
        if stream.record.reason:
            raise SystemExit(f"the service ended the session: {stream.record.reason}")
        stream.counts = number >= WARM_UP_S * FRAMES_PER_S
        stream.send(number, images[(number + 7 * index) % len(images)])
    for stream in streams:
        stream.command(type="session.close")
    async with asyncio.timeout(30):
        await asyncio.gather(*(stream.ended.wait() for stream in streams))
    return [stream.record for stream in streams]


def measure(count: int, images: list[bytes], seconds: float, options: dict[str, str]) -> dict[str, Any]:
    """The figures of so many streams on a service of their own; see `row`."""
    # Twice as many places, since one client, as all of them are here, gets three quarters at most.
    with service(FER_MAX_STREAMS=str(2 * count), FER_QUEUE=str(2 * count)) as (port, pid):
        tree, begun, mine = Tree(pid), time.perf_counter(), time.process_time()
        before = tree.cpu_s()
        records = asyncio.run(play(port, count, images, seconds, options))
        spent = time.perf_counter() - begun
        client = (time.process_time() - mine) / spent
        parent, workers = ((after - at) / spent for after, at in zip(tree.cpu_s(), before, strict=True))
    rates = sorted(record.answers["result"] / seconds for record in records)
    answers = sum((record.answers for record in records), Counter[str]())
    return {
        "streams": count,
        "per_s_each": sum(rates) / count,
        "per_s_least": rates[0],
        "per_s_most": rates[-1],
        "per_s_all": sum(rates),
        "age_ms": percentiles([value for record in records for value in record.age_ms]),
        "delay_ms": percentiles([value for record in records for value in record.delay_ms]),
        "dropped": answers["dropped"],
        "errors": answers["error"],
        "cores": {"client": client, "service": parent, "workers": workers},
    }


def row(figures: dict[str, Any]) -> str:
    cells = (
        f"{figures['streams']}",
        f"{figures['per_s_each']:.1f} ({figures['per_s_least']:.1f} to {figures['per_s_most']:.1f})",
        f"{figures['per_s_all']:.0f}",
        ", ".join(f"{value:.0f}" for value in figures["age_ms"]),
        ", ".join(f"{value:.0f}" for value in figures["delay_ms"][:2]),
        f"{figures['dropped']}, {figures['errors']}",
        ", ".join(f"{value:.2f}" for value in figures["cores"].values()),
    )
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("media", type=Path)
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 4, 16, 32])
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--detector", choices=("haar", "centerface"), default="haar")
    given = parser.parse_args()
    images = frames(given.media)
    print(f"| {' | '.join(HEAD)} |\n|{'---|' * len(HEAD)}", flush=True)
    for count in given.streams:
        print(row(measure(count, images, given.seconds, {"detector": given.detector})), flush=True)


if __name__ == "__main__":
    main()
