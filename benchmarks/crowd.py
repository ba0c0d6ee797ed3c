"""Throughput and delay of POST /v1/predict with 8 callers and with 64, alternating in one run.

    python -m benchmarks.crowd URL PHOTO… [--callers 8 64] [--seconds 8] [--rounds 3] [--options detector=haar]

Every caller has one kept-alive connection and sends its next photo as soon as it has an answer. What it does after a
503 is measured both ways: `waits` is a caller that waits for as long as Retry-After says, as clients should; `repeats`
sends again at once. Refusals are counted and are no answers. The mean wait that the queue implies is the number of
requests that the service holds (the share of one client of its workers and its queue, or all callers where they are
fewer) over the answers a second (Little's law); `p99` is that of the photos that were answered, from the request that
was accepted.

The status is 1 where the most callers get less than LEAST_SHARE of the answers of the fewest, or p99 reaches MOST_WAITS
mean waits.
"""

import argparse
import asyncio
import json
import statistics
import sys
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

LEAST_SHARE = 0.9
MOST_WAITS = 4.0
# Of a round's time at its begin, not counted: the queue is being filled.
WARM_UP_SHARE = 0.2


@dataclass
class Tally:
    """What the callers of one kind were answered; seconds."""

    waits_s: list[float] = field(default_factory=list)
    refused: int = 0
    failed: int = 0
    seconds: float = 0.0

    @property
    def per_s(self) -> float:
        return len(self.waits_s) / self.seconds

    def __iadd__(self, other: "Tally") -> Self:
        self.waits_s += other.waits_s
        self.refused += other.refused
        self.failed += other.failed
        self.seconds += other.seconds
        return self


class Caller:
    """One connection. Reads of an answer what it needs and no more: the callers share the machine with the service."""

    def __init__(self, address: str, photos: list[bytes], options: str, *, patient: bool) -> None:
        self._host, _, self._port = address.rpartition(":")
        self._requests = [
            f"POST /v1/predict?{options} HTTP/1.1\r\nHost: {address}\r\nContent-Type: image/jpeg\r\n"
            f"Content-Length: {len(photo)}\r\n\r\n".encode()
            + photo
            for photo in photos
        ]
        self._patient = patient

    async def call(self, tally: Tally, first: int, from_s: float, until_s: float) -> None:
        """Photos in turn until the time `until_s`; what is asked for before `from_s` is not counted."""
        number = first
        reader = writer = None
        while (asked := time.perf_counter()) < until_s:
            if writer is None or reader is None:
                reader, writer = await asyncio.open_connection(self._host, int(self._port))
            writer.write(self._requests[number % len(self._requests)])
            try:
                status, closes, pause_s = await answer_of(reader)
            except (OSError, asyncio.IncompleteReadError):
                status, closes, pause_s = 0, True, 0.0
            if from_s <= asked:
                tally.waits_s += [time.perf_counter() - asked] if status == 200 else []
                tally.refused += status == 503
                tally.failed += status not in (200, 503)
            number += status == 200
            if closes:
                writer.close()
                writer = None
            if self._patient and status == 503:
                await asyncio.sleep(min(pause_s, max(0.0, until_s - time.perf_counter())))
        if writer is not None:
            writer.close()


async def answer_of(reader: asyncio.StreamReader) -> tuple[int, bool, float]:
    """Status, whether the connection ends with it, and the seconds of Retry-After."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    lines = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line)
    await reader.readexactly(int(lines[b"content-length"]))
    return int(head[9:12]), lines.get(b"connection") == b"close", float(lines.get(b"retry-after", b"0"))


async def measure(callers: list[Caller], seconds: float, tally: Tally) -> None:
    """All callers at once for so many seconds, added to the tally."""
    started = time.perf_counter()
    from_s, until_s = started + WARM_UP_SHARE * seconds, started + seconds
    await asyncio.gather(*(caller.call(tally, number, from_s, until_s) for number, caller in enumerate(callers)))
    tally.seconds += until_s - from_s


def limits(address: str) -> dict[str, float]:
    """What /v1/limits says."""
    with urllib.request.urlopen(f"http://{address}/v1/limits") as response:
        answer: dict[str, float] = json.load(response)
        return answer


def report(tallies: dict[tuple[int, str], Tally], places: int) -> bool:
    """Print a line for each kind; True where the bars are met."""
    fewest = min(tallies)
    met = True
    print(f"{'callers':>7} {'a refused one':<14}{'answers/s':>9}{'share':>7}{'p50':>8}{'p99':>8}{'mean wait':>10}"
          f"{'p99/mean':>9}{'refusals/s':>11}{'failed':>7}")  # fmt: skip
    for (count, manner), tally in tallies.items():
        share = tally.per_s / tallies[fewest].per_s
        implied_s = min(count, places) / tally.per_s
        p50, p99 = statistics.median(tally.waits_s), statistics.quantiles(tally.waits_s, n=100)[98]
        met = met and share >= LEAST_SHARE and p99 < MOST_WAITS * implied_s and not tally.failed
        print(f"{count:>7} {manner:<14}{tally.per_s:>9.1f}{share:>7.2f}{p50:>7.2f}s{p99:>7.2f}s{implied_s:>9.2f}s"
              f"{p99 / implied_s:>9.2f}{tally.refused / tally.seconds:>11.1f}{tally.failed:>7}")  # fmt: skip
    return met


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("photos", nargs="+", type=Path)
    parser.add_argument("--callers", nargs="+", type=int, default=[8, 64])
    parser.add_argument("--seconds", type=float, default=8.0, help="of each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--options", default="", help="the query of every request")
    given = parser.parse_args()
    address = urlsplit(given.url).netloc
    photos = [photo.read_bytes() for photo in given.photos]
    # All callers are one client, by their address.
    places = int(limits(address)["client_requests"])
    # Where no one is refused, both manners are the same.
    kinds = [(count, manner) for count in given.callers for manner in ("waits", "repeats")[: 1 + (count > places)]]
    tallies = {kind: Tally() for kind in kinds}
    for _ in range(given.rounds):
        for (count, manner), tally in tallies.items():
            callers = [Caller(address, photos, given.options, patient=manner == "waits") for _ in range(count)]
            asyncio.run(measure(callers, given.seconds, tally))
    return 0 if report(tallies, places) else 1


if __name__ == "__main__":
    sys.exit(main())
