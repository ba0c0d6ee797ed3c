"""What others notice of an attack: a bystander's photos, a monitor's /livez, and the memory of all processes."""

import http.client
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

from benchmarks.processes import Tree

BYSTANDER, MONITOR = "127.0.0.2", "127.0.0.3"
_PHOTO_EVERY_S, _LIVEZ_EVERY_S, _MEMORY_EVERY_S = 0.3, 0.1, 0.1
# Later than any bar: what takes longer is lost.
_LOST_S = 30.0


@dataclass
class Answers:
    """To one client; seconds."""

    waits_s: list[float] = field(default_factory=list)
    lost: int = 0

    @property
    def slowest_s(self) -> float:
        return max(self.waits_s, default=0.0)


@dataclass
class Seen:
    """What was seen during one attack."""

    photos: Answers = field(default_factory=Answers)
    livez: Answers = field(default_factory=Answers)
    peak_mb: float = 0.0


def _ask(host: str, port: int, request: tuple[str, str, str, bytes], answers: Answers) -> None:
    """One request on a connection of its own: others come to a service that they have not asked before."""
    source, method, path, body = request
    address = (source, 0) if host.startswith("127.") else None
    connection = http.client.HTTPConnection(host, port, timeout=_LOST_S, source_address=address)
    begun = time.monotonic()
    try:
        connection.request(method, path, body)
        answer = connection.getresponse()
        answer.read()
        answers.lost += answer.status != 200
    except (OSError, http.client.HTTPException):
        answers.lost += 1
    finally:
        connection.close()
    answers.waits_s.append(time.monotonic() - begun)


@contextmanager
def _every(seconds: float, act: Callable[[], None]) -> Iterator[None]:
    """Act in a thread of its own, again and again, until the block ends."""
    end = threading.Event()

    def go_on() -> None:
        while not end.wait(seconds):
            act()

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()


@contextmanager
def watching(host: str, port: int, tree: Tree | None, photo: bytes) -> Iterator[Seen]:
    """Look until the block ends; without a `tree`, as of a service elsewhere, memory is not measured."""
    seen = Seen()

    def measure() -> None:
        if tree is not None:
            seen.peak_mb = max(seen.peak_mb, tree.memory_mb())

    photos = partial(_ask, host, port, (BYSTANDER, "POST", "/v1/predict", photo), seen.photos)
    livez = partial(_ask, host, port, (MONITOR, "GET", "/livez", b""), seen.livez)
    with _every(_MEMORY_EVERY_S, measure), _every(_PHOTO_EVERY_S, photos), _every(_LIVEZ_EVERY_S, livez):
        yield seen
