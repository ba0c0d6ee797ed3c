"""Mixed requests at twice what the service can do, for a long time: is anything lost, does anything grow?

    python -m benchmarks.soak [--minutes 30]

The service is started as for `benchmarks.siege`. What it can do is measured first, with a few callers that wait for
each answer. Then twice as many acts a second are begun, by clients of several addresses, whether the ones before are
answered or not: photos, batches, videos and streams, and HOSTILE of them damaged or made to hurt.

A request is accepted unless it is answered 429 or 503, or its session is closed with 1013; an accepted one is lost
where its whole answer does not come, or is 504. The status is 1 for a 500 or a close code 1011, for one that is lost,
where memory grows by MOST_GROWTH or more from the first half to the second (a tenth at the begin left out), or where
a photo takes MOST_SLOWER times as long as before, AFTER_S after the load has ended (medians).
"""

import argparse
import http.client
import itertools
import json
import random
import statistics
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from benchmarks.processes import ROOT, Tree, serving
from benchmarks.siege import hostile

HOSTILE = 0.05
MOST_GROWTH, MOST_SLOWER, AFTER_S = 0.05, 2.0, 2.0
CALIBRATION_S, CALLERS, MOST_AT_ONCE = 20.0, 4, 128
FRAMES, BATCH = 10, 8
_REFUSED, _TRY_AGAIN_LATER = (429, 503), 1013
_BOUNDARY = "between"

Outcome = str
"""`answered`, `refused`, or what went wrong."""


class Clients:
    """Acts of clients at several addresses, chosen at random, and how they ended."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._photo = (ROOT / "tests/data/astronaut.jpg").read_bytes()
        self._video = hostile.small_video(20)
        self._bad = [
            *hostile.claims(),
            hostile.many_scans(),
            hostile.white(5000, 5000),
            self._photo[: len(self._photo) // 2],
            random.Random(0).randbytes(4096),  # noqa: S311 - the same in every run
            b"",
        ]
        self._random = random.Random(1)  # noqa: S311
        self._sources = itertools.cycle(f"127.0.0.{number}" for number in range(10, 18))
        self.ends: Counter[tuple[str, Outcome]] = Counter()

    def choose(self) -> Callable[[], None]:
        if self._random.random() < HOSTILE:
            act = partial(self._damaged, self._random.choice(self._bad), self._random.choice(("", "/video", "/batch")))
            return partial(self._count, "hostile", act)
        kinds = {"photo": self._predict, "batch": self._batch, "video": self._analyse, "stream": self._stream}
        (kind,) = self._random.choices(list(kinds), (70, 8, 7, 15))
        return partial(self._count, kind, kinds[kind])

    def _count(self, kind: str, act: Callable[[str], Outcome]) -> None:
        try:
            outcome = act(next(self._sources))
        except (OSError, http.client.HTTPException, ValueError) as error:
            outcome = "answered" if kind == "hostile" else f"lost: {type(error).__name__}"
        self.ends[kind, outcome] += 1

    def post(self, source: str, path: str, body: bytes, **headers: str) -> tuple[Outcome, bytes]:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=120, source_address=(source, 0))
        try:
            connection.request("POST", f"/v1/predict{path}", body, headers)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if answer.status in _REFUSED:
            return "refused", content
        return "answered" if answer.status == 200 else f"status {answer.status}", content

    def _predict(self, source: str) -> Outcome:
        return self.post(source, "?explain=gradcam", self._photo)[0]

    def _form(self, files: list[bytes]) -> tuple[bytes, str]:
        head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'.encode()
        parts = b"".join(head + each + b"\r\n" for each in files)
        return parts + f"--{_BOUNDARY}--\r\n".encode(), f"multipart/form-data; boundary={_BOUNDARY}"

    def _batch(self, source: str) -> Outcome:
        body, kind = self._form([self._photo] * BATCH)
        outcome, content = self.post(source, "/batch", body, **{"Content-Type": kind})
        if outcome != "answered":
            return outcome
        entries = json.loads(content)["entries"]
        lost = [each for each in entries if "result" not in each and each["error"]["code"] != "overloaded"]
        return "answered" if len(entries) == BATCH and not lost else "lost: an entry"

    def _analyse(self, source: str) -> Outcome:
        outcome, content = self.post(source, "/video", self._video)
        if outcome != "answered":
            return outcome
        return "answered" if json.loads(content.splitlines()[-1])["type"] == "summary" else "lost: the summary"

    def _damaged(self, body: bytes, path: str, source: str) -> Outcome:
        kind = {}
        if path == "/batch":
            body, kind["Content-Type"] = self._form([body, self._photo])
        outcome, _ = self.post(source, path, body, **kind)
        return "refused" if outcome.startswith("status 4") else outcome

    def _stream(self, source: str) -> Outcome:
        """Frames one after the other, each with its answer."""
        url = f"ws://{self._host}:{self._port}/v1/stream"
        try:
            with connect(url, source_address=(source, 0), open_timeout=60, compression=None) as socket:
                socket.recv(timeout=60)
                for _ in range(FRAMES):
                    socket.send(self._photo)
                    answer = json.loads(socket.recv(timeout=60))
                    if answer["type"] == "error" and answer["status"] not in _REFUSED:
                        return f"status {answer['status']}"
        except InvalidStatus as error:
            status = error.response.status_code
            return "refused" if status in _REFUSED else f"status {status}"
        except ConnectionClosed as closed:
            code = closed.rcvd.code if closed.rcvd else 0
            return "refused" if code == _TRY_AGAIN_LATER else f"closed with {code}"
        return "answered"

    def photo_s(self) -> float:
        """Seconds that a photo takes where nothing else is asked for: the median of eleven."""
        waits = []
        for _ in range(11):
            asked = time.perf_counter()
            self.post("127.0.0.9", "", self._photo)
            waits.append(time.perf_counter() - asked)
        return statistics.median(waits)


def capacity(clients: Clients) -> float:
    """Acts a second that a few callers get done."""
    until, done = time.monotonic() + CALIBRATION_S, itertools.count()

    def call() -> None:
        while time.monotonic() < until:
            clients.choose()()
            next(done)

    with ThreadPoolExecutor(CALLERS) as pool:
        for caller in [pool.submit(call) for _ in range(CALLERS)]:
            caller.result()
    return next(done) / CALIBRATION_S


def load(clients: Clients, per_s: float, seconds: float, tree: Tree) -> list[float]:
    """Begin so many acts a second for so long, at most MOST_AT_ONCE at once; memory every second, megabytes."""
    memory: list[float] = []
    begun = time.monotonic()
    free = threading.Semaphore(MOST_AT_ONCE)

    def act(chosen: Callable[[], None]) -> None:
        try:
            chosen()
        finally:
            free.release()

    with ThreadPoolExecutor(MOST_AT_ONCE) as pool:
        for number in itertools.count():
            due = begun + number / per_s
            if due - begun > seconds:
                break
            time.sleep(max(0.0, due - time.monotonic()))
            if free.acquire(blocking=False):
                pool.submit(act, clients.choose())
            else:
                clients.ends["any", "not begun: too many are under way"] += 1
            if time.monotonic() - begun > len(memory):
                memory.append(tree.memory_mb())
    return memory


def soak(clients: Clients, minutes: float, tree: Tree) -> bool:
    """Print what was seen; True where all bars are met."""
    before_s = clients.photo_s()
    per_s = 2 * capacity(clients)
    clients.ends.clear()
    memory = load(clients, per_s, 60 * minutes, tree)
    time.sleep(AFTER_S)
    after_s = clients.photo_s()
    counted = memory[len(memory) // 10 :]
    first, second = (statistics.median(part) for part in (counted[: len(counted) // 2], counted[len(counted) // 2 :]))
    growth = second / first - 1
    bad = {end for end in clients.ends if end[1].startswith(("lost", "status", "closed"))}
    print(f"{per_s:.1f} acts a second, twice what can be done, for {minutes:g} minutes")
    for (kind, outcome), count in sorted(clients.ends.items()):
        print(f"{kind:<8} {outcome:<40} {count:>8}")
    print(f"memory: median {first:.0f} MB in the first half, {second:.0f} MB in the second ({growth:+.1%}), "
          f"most {max(memory):.0f} MB")  # fmt: skip
    print(f"a photo takes {1000 * before_s:.0f} ms before, {1000 * after_s:.0f} ms {AFTER_S:g} s after it")
    return not bad and growth < MOST_GROWTH and after_s < MOST_SLOWER * before_s


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0)
    given = parser.parse_args()
    with serving() as (host, port, tree):
        met = soak(Clients(host, port), given.minutes, tree)
    print("within the bars" if met else "OVER THE BARS")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
