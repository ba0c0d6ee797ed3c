"""Two replicas behind a real HAProxy with TLS: what the second one adds, and what is lost when replicas die.

    PYTHONPATH=client/src python -m benchmarks.replicas PHOTO… [--seconds 10] [--minutes 2] [--streams 2]

HAProxy reads deploy/compose/haproxy/haproxy.cfg, with a certificate that is made for the run (needs haproxy and
openssl). Each replica is a service with one worker, held to one core; the callers and HAProxy have the same two cores,
so the second replica gives less than twice as much. Four parts:

- `throughput`: eight callers, one replica and two alternating.
- `kills`: at half of what two replicas answered, one of them is killed (SIGKILL) every ten seconds, and started again.
- `update`: at the same load each replica in turn is told to stop (SIGTERM) and replaced.
- `simulated`: what `deploy/simulation.py` makes of the service times that the answers of two replicas carry, beside
  what was measured: answers a second with eight callers, and the mean wait of requests that come at random at half of
  that.

Calls go through the client, which asks again after a 503. A call that ends with an error is lost. Streams run beside;
`gap` is their longest time between two results. The status is 1 where two replicas answer less than LEAST_GAIN times
one, a call is lost, a gap reaches MOST_GAP_S, or the simulation is off by MOST_ERROR.
"""

import argparse
import itertools
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from benchmarks.processes import wait_until_ready
from deploy.simulation import Plan, simulate
from fer_client import Client, FerError
from tests.ports import free_port

HAPROXY = Path(__file__).parents[1] / "deploy" / "compose" / "haproxy"
LEAST_GAIN = 1.8
MOST_GAP_S = 2.0
MOST_ERROR = 0.15
CALLERS = 8
# Enough that a request which is due always finds one.
OPEN_CALLERS = 32
KILL_EVERY_S = 10.0
STREAM_FPS = 4.0


class Replica:
    """A service with one worker on one core, at a port that stays."""

    def __init__(self, core: int) -> None:
        self.port, self._core = free_port(), core
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        environment = os.environ | {
            "FER_PORT": str(self.port),
            "FER_WORKERS": "1",
            "FER_PROXIES": "127.0.0.1",
            # All callers here have one address; the share of one client is not what is measured.
            "FER_QUEUE": "64",
        }
        cpus = len(os.sched_getaffinity(0))
        self._process = subprocess.Popen(
            ["taskset", "--cpu-list", str(self._core % cpus), sys.executable, "-m", "service"],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_until_ready(self._process, self.port)

    def end(self, how: signal.Signals) -> None:
        """End it and wait until it has ended."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait()


@contextmanager
def proxy(replicas: Sequence[Replica], folder: Path) -> Iterator[str]:
    """HAProxy before the replicas, as in compose; the URL it answers at. Its certificate is one that we trust."""
    certificate, https = folder / "certificate.pem", free_port()
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
         "subjectAltName=DNS:localhost", "-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")],
        check=True,
        capture_output=True,
    )  # fmt: skip
    certificate.write_text((folder / "cert.pem").read_text() + (folder / "key.pem").read_text())
    os.environ["SSL_CERT_FILE"] = str(folder / "cert.pem")
    backend = (HAPROXY / "compose.cfg").read_text().partition("backend replicas\n")[2]
    settings = [line for line in backend.splitlines() if "server-template" not in line and "Host service" not in line]
    servers = [f"    server replica{number} 127.0.0.1:{each.port}" for number, each in enumerate(replicas)]
    host = "    http-check send hdr Host localhost"
    (folder / "local.cfg").write_text("\n".join(["backend replicas", *settings, host, *servers, ""]))
    environment = os.environ | {
        "CERTIFICATE": str(certificate),
        "ERRORS": str(HAPROXY / "errors"),
        "HTTP": f"127.0.0.1:{free_port()}",
        "HTTPS": f"127.0.0.1:{https}",
    }
    command = ["haproxy", "-db", "-f", str(HAPROXY / "haproxy.cfg"), "-f", str(folder / "local.cfg")]
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as process:
        # Its first checks.
        time.sleep(2)
        try:
            yield f"https://localhost:{https}"
        finally:
            process.terminate()


@dataclass
class Calls:
    """What the callers met."""

    answered: int = 0
    waits_s: list[float] = field(default_factory=list)
    # Of each answer: at its worker, and what is neither that nor the wait for it.
    service_s: list[float] = field(default_factory=list)
    beside_s: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


class Callers:
    """Callers that send photos through the client: as fast as they are answered, or at random, so many a second in all.

    Where they come at random, a wait counts from when the request was due, as `deploy.simulation` has it.
    """

    def __init__(self, url: str, photos: list[bytes], per_s: float | None = None) -> None:
        self._url, self._photos, self._per_s = url, photos, per_s
        self.calls, self._lock, self._stop = Calls(), threading.Lock(), threading.Event()
        self._numbers, self._due_s = itertools.count(), time.perf_counter()
        self._random = random.Random(0)  # noqa: S311 - no secret

    def __enter__(self) -> Self:
        count = CALLERS if self._per_s is None else OPEN_CALLERS
        self._pool = ThreadPoolExecutor(count)
        self._tasks = [self._pool.submit(self._call) for _ in range(count)]
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._pool.shutdown()
        for task in self._tasks:
            task.result()

    def _next(self) -> tuple[int, float]:
        """The number of the next request, and when it is due."""
        with self._lock:
            if self._per_s is None:
                return next(self._numbers), time.perf_counter()
            self._due_s += self._random.expovariate(self._per_s)
            return next(self._numbers), self._due_s

    def _call(self) -> None:
        with Client(self._url) as client:
            while not self._stop.is_set():
                number, due_s = self._next()
                time.sleep(max(0.0, due_s - time.perf_counter()))
                asked_s = time.perf_counter()
                try:
                    answer = client.predict(self._photos[number % len(self._photos)])
                except FerError as failure:
                    with self._lock:
                        self.calls.errors.append(str(failure))
                    continue
                now_s, timing = time.perf_counter(), answer.timing_ms
                with self._lock:
                    self.calls.answered += 1
                    self.calls.waits_s.append(now_s - due_s)
                    self.calls.service_s.append((timing["total"] - timing["queue"]) / 1000)
                    self.calls.beside_s.append(now_s - asked_s - timing["total"] / 1000)


class Streams:
    """Live sessions that are meant to go on."""

    def __init__(self, url: str, frame: bytes, count: int) -> None:
        self._url, self._frame, self._stop = url, frame, threading.Event()
        self.gaps_s: list[float] = []
        self.errors: list[str] = []
        self._threads = [threading.Thread(target=self._run) for _ in range(count)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _frames(self) -> Iterator[bytes]:
        while not self._stop.is_set():
            yield self._frame
            time.sleep(1 / STREAM_FPS)

    def _run(self) -> None:
        try:
            with Client(self._url, retries=8) as client:
                last = None
                for _ in client.stream(self._frames()):
                    now = time.perf_counter()
                    if last is not None:
                        self.gaps_s.append(now - last)
                    last = now
        except FerError as error:
            self.errors.append(str(error))


def throughput(
    url: str, replicas: Sequence[Replica], photos: list[bytes], seconds: float
) -> tuple[float, float, Calls]:
    """Answers a second of one replica and of both, each measured twice, alternating; and the last calls of both."""
    answered = {1: 0, 2: 0}
    for count in (1, 2, 1, 2):
        if count == 1:
            replicas[1].end(signal.SIGTERM)
        else:
            replicas[1].start()
        # Until HAProxy's check has seen it.
        time.sleep(2)
        with Callers(url, photos) as callers:
            time.sleep(seconds)
            answered[count] += callers.calls.answered
    return answered[1] / seconds / 2, answered[2] / seconds / 2, callers.calls


def simulated(url: str, photos: list[bytes], seconds: float, two: Calls, per_s: float) -> bool:
    """Print what was measured beside what is simulated; True where they agree."""
    with Callers(url, photos, per_s / 2) as callers:
        time.sleep(3 * seconds)
    half, beside_s = callers.calls, statistics.mean(two.beside_s)
    busy = simulate(Plan(two.service_s, replicas=2, beside_s=beside_s, callers=CALLERS), 2000)
    calm_per_s, calm_beside_s = half.answered / 3 / seconds, statistics.mean(half.beside_s)
    calm = simulate(Plan(half.service_s, replicas=2, beside_s=calm_beside_s, per_s=calm_per_s), 5000)
    measured_s = statistics.mean(half.waits_s)
    errors = busy.per_s / per_s - 1, calm.mean_s / measured_s - 1
    print(f"simulated: {busy.per_s:.1f} answers a second, measured {per_s:.1f} ({errors[0]:+.0%})")
    print(f"at half of it: mean wait {calm.mean_s * 1000:.1f} ms, measured {measured_s * 1000:.1f} ({errors[1]:+.0%})")
    return max(map(abs, errors)) < MOST_ERROR


def under_load(
    url: str, photos: list[bytes], per_s: float, streams: int, events: Iterator[None]
) -> tuple[Calls, Streams]:
    """Calls and streams while `events` happen."""
    with Streams(url, photos[0], streams) as live, Callers(url, photos, per_s) as callers:
        for _ in events:
            pass
    return callers.calls, live


def kills(replicas: Sequence[Replica], seconds: float) -> Iterator[None]:
    until = time.perf_counter() + seconds
    for replica in itertools.cycle(replicas):
        began = time.perf_counter()
        if began + KILL_EVERY_S > until:
            return
        replica.end(signal.SIGKILL)
        replica.start()
        time.sleep(max(0.0, began + KILL_EVERY_S - time.perf_counter()))
        yield


def update(replicas: Sequence[Replica]) -> Iterator[None]:
    for replica in replicas:
        time.sleep(5)
        replica.end(signal.SIGTERM)
        replica.start()
        # Until HAProxy's check has seen it.
        time.sleep(5)
        yield


def report(name: str, calls: Calls, live: Streams) -> bool:
    """Print a line; True where nothing was lost."""
    gap_s = max(live.gaps_s, default=0.0)
    longest_s, median_s = max(calls.waits_s), statistics.median(calls.waits_s)
    print(f"{name:<8}{calls.answered:>7} answered, {len(calls.errors)} lost; wait {median_s * 1000:.0f} ms (median), "
          f"{longest_s:.2f} s (longest); streams: longest gap {gap_s:.2f} s, {len(live.errors)} lost")  # fmt: skip
    for error in sorted({*calls.errors, *live.errors}):
        print(f"    {error}")
    return not calls.errors and not live.errors and gap_s < MOST_GAP_S


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", nargs="+", type=Path)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each measurement of throughput")
    parser.add_argument("--minutes", type=float, default=2.0, help="of kills")
    parser.add_argument("--streams", type=int, default=2)
    options = parser.parse_args()
    photos = [path.read_bytes() for path in options.photos]
    replicas = [Replica(0), Replica(1)]
    with tempfile.TemporaryDirectory() as folder:
        try:
            for replica in replicas:
                replica.start()
            with proxy(replicas, Path(folder)) as url:
                one, two, calls = throughput(url, replicas, photos, options.seconds)
                print(f"one replica {one:.1f} answers a second, two {two:.1f}: {two / one:.2f} times")
                agrees = simulated(url, photos, options.seconds, calls, two)
                events = {"kills": kills(replicas, 60 * options.minutes), "update": update(replicas)}
                kept = [
                    report(name, *under_load(url, photos, two / 2, options.streams, each))
                    for name, each in events.items()
                ]
        finally:
            for replica in replicas:
                replica.end(signal.SIGTERM)
    return 0 if two >= LEAST_GAIN * one and all(kept) and agrees else 1


if __name__ == "__main__":
    sys.exit(main())
