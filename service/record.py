"""Record: what is known of one request or session while it runs: ids, sizes, times and counts, nothing of its content.

Metrics, the log and spans are made of it. The record of the request at hand is found by `current`, so that whoever
analyses an image or refuses one need not pass it on.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

STAGES = ("queue", "decode", "detect", "infer", "explain", "total")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER_METHOD = "_OTHER"
UNMATCHED = "unmatched"
"""The route of all paths that do not exist."""
PROBES = frozenset({"/livez", "/readyz", "/metrics"})

# No stage lasts for a day, and no setting allows more faces. A worker that was taken over could say anything.
_MOST_MS = 86_400_000.0
_MOST_FACES = 1000


class Meter(Protocol):
    """Counts while a request or session goes on; a session may last for hours."""

    def count_image(self, route: str, stages_ms: Mapping[str, float], faces: int) -> None: ...

    def count_shadow(self, label: str, shadow_label: str) -> None: ...

    def count_problem(self, code: str) -> None: ...

    def count_dropped(self, reason: str) -> None: ...


@dataclass
class Record:
    """One request, or one session with its handshake. Times are milliseconds, those by stage are sums."""

    request_id: str
    method: str
    route: str
    """A template of a path, never a path that a client made up."""
    meter: Meter | None = None
    trace_headers: dict[str, str] = field(default_factory=dict)
    """The client's `traceparent` and `tracestate`, where spans are made."""
    trace_id: str | None = None
    began_ns: int = field(default_factory=time.time_ns)
    image_began_ns: int = 0
    """When the first image or frame was there to be analysed."""
    duration_ms: float = 0.0
    status: int | None = None
    """None where the request ended without an answer."""
    complete: bool = False
    """The answer was sent to its end."""
    close_code: int | None = None
    closed_by: Literal["service", "client"] | None = None
    bytes_in: int = 0
    bytes_out: int = 0
    images: int = 0
    """Images and frames that were analysed."""
    faces: int = 0
    dropped: int = 0
    problems: int = 0
    problem: str | None = None
    """The code of the last problem."""
    stages_ms: dict[str, float] = field(default_factory=dict)
    _began: float = field(default_factory=time.perf_counter, repr=False)

    @property
    def known_route(self) -> str | None:
        return None if self.route == UNMATCHED else self.route

    @property
    def is_cut_off(self) -> bool:
        """The request ended before its answer did: its client left, or the service had to stop."""
        return not self.complete and self.status != 101

    @property
    def is_probe(self) -> bool:
        """A successful question of a monitor, which asks every few seconds."""
        return self.route in PROBES and self.status is not None and self.status < 400

    def add_image(self, header: Mapping[str, object], own_ms: Mapping[str, float]) -> None:
        """An image or frame that was analysed: what its worker says of it, and times that the service measured."""
        stages_ms = {**_stages_ms(header.get("timing_ms")), **own_ms}
        stages_ms.setdefault("total", sum(stages_ms.values()))
        said = header.get("faces")
        faces = said if isinstance(said, int) and 0 <= said <= _MOST_FACES else 0
        if self.images == 0:
            self.image_began_ns = time.time_ns() - int(stages_ms["total"] * 1_000_000)
        self.images += 1
        self.faces += faces
        for stage, elapsed_ms in stages_ms.items():
            self.stages_ms[stage] = self.stages_ms.get(stage, 0.0) + elapsed_ms
        if self.meter is not None:
            self.meter.count_image(self.route, stages_ms, faces)
            for label, shadow_label in _pairs(header.get("shadow")):
                self.meter.count_shadow(label, shadow_label)

    def add_problem(self, code: str) -> None:
        self.problem = code
        self.problems += 1
        if self.meter is not None:
            self.meter.count_problem(code)

    def add_dropped(self, reason: str) -> None:
        """A frame of a session that is not analysed."""
        self.dropped += 1
        if self.meter is not None:
            self.meter.count_dropped(reason)

    def end(self) -> None:
        self.duration_ms = (time.perf_counter() - self._began) * 1000


@dataclass(frozen=True)
class Attribute:
    """A value of a record that leaves the service, in a line of the log or in a span; None is left out."""

    name: str
    meaning: str
    value: Callable[[Record], Any]


_current: ContextVar[Record | None] = ContextVar("record", default=None)


def current() -> Record | None:
    """The record of the request or session that the caller works for; tasks that it starts have the same."""
    return _current.get()


@contextmanager
def recording(record: Record) -> Iterator[None]:
    """Let `current` give this record until the block ends."""
    token = _current.set(record)
    try:
        yield
    finally:
        _current.reset(token)


def add_image(header: Mapping[str, object], **own_ms: float) -> None:
    """As `Record.add_image`, to the current record, where there is one."""
    if (record := current()) is not None:
        record.add_image(header, own_ms)


def add_problem(code: str) -> None:
    """As `Record.add_problem`, to the current record, where there is one."""
    if (record := current()) is not None:
        record.add_problem(code)


def add_dropped(reason: str) -> None:
    """As `Record.add_dropped`, to the current record, where there is one."""
    if (record := current()) is not None:
        record.add_dropped(reason)


def known_method(method: str) -> str:
    """The method, or one word for all that HTTP does not define: clients may make them up."""
    return method if method in METHODS else OTHER_METHOD


class Templates:
    """The route templates of an application, such as `/v1/predict` and `/static/{path}`."""

    def __init__(self, formats: list[str]) -> None:
        self._exact = {each for each in formats if "{" not in each}
        self._below = {each.partition("{")[0]: each for each in formats if "{" in each}

    def of(self, path: str) -> str:
        """The template of a path; UNMATCHED for one that does not exist."""
        if path in self._exact:
            return path
        return next((each for start, each in self._below.items() if path.startswith(start)), UNMATCHED)


def _pairs(said: object) -> list[tuple[str, str]]:
    """What a worker says of each face: the served model's label, and the shadow model's."""
    pairs = said[:_MOST_FACES] if isinstance(said, list) else []
    return [
        (pair[0], pair[1])
        for pair in pairs
        if isinstance(pair, list) and len(pair) == 2 and all(isinstance(label, str) for label in pair)
    ]


def _stages_ms(said: object) -> dict[str, float]:
    if not isinstance(said, dict):
        return {}
    values = {stage: said.get(stage) for stage in STAGES}
    return {
        stage: float(value)
        for stage, value in values.items()
        if isinstance(value, int | float) and 0 <= value <= _MOST_MS
    }
