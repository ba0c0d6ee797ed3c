"""GET /privacy: what is kept, remembered, logged, counted and traced, from the definitions that do it."""

from pydantic import Field

from .metrics import SPECS
from .record import STAGES
from .request_log import FIELDS
from .schemas import Outgoing
from .settings import Settings
from .tracing import ATTRIBUTES

# What each logger says besides the lines of requests.
LOGGERS = {
    "service": "start and stop, the model file, refused settings and keys; a fault of the service with its traceback",
    "service.access": "host names and web origins that were refused, up to a hundred different ones",
    "service.batch": "ids of requests whose client does not read the answer",
    "service.keys": "how many keys there are",
    "service.rates": "that the store of the rates does not answer",
    "service.stream": "ids of sessions whose client has left",
    "service.tracing": "why no spans are sent",
    "service.video": "ids of requests whose client does not read the answer, or whose video ends early",
    "service.websockets": "faults of the WebSocket protocol",
    "service.workers": "workers that have ended, and why",
    "uvicorn.error": "the address that the service listens on, start and stop; a fault with its traceback",
}
NEVER = (
    "images, frames, crops, heatmaps, landmarks, probabilities or labels",
    "file names",
    "addresses of clients",
    "queries, and paths other than their templates",
    "keys, cookies and other headers",
)


class Named(Outgoing):
    name: str
    meaning: str


class Counted(Named):
    labels: list[str]


class Remembered(Outgoing):
    """What outlives a request without being written down."""

    what: str
    where: str
    seconds: float = Field(description="at most, after the last request")


class Logged(Outgoing):
    requests: list[Named] = Field(description="members of the one line that a request or session has, at its end")
    others: list[Named] = Field(description="what other lines say, by logger")


class Traced(Outgoing):
    enabled: bool = Field(description="whether OpenTelemetry's variables ask for spans")
    attributes: list[Named]
    children: list[str] = Field(description="spans below that of a request; of a video or session, their summed times")


class Privacy(Outgoing):
    """What the service does with data about its clients and their images."""

    kept: list[str] = Field(description="what is written to disk: nothing")
    remembered: list[Remembered]
    logged: Logged
    counted: list[Counted] = Field(description="metrics of `/metrics`")
    traced: Traced
    never: list[str] = Field(description="what is neither kept, logged, counted nor traced")


def privacy(settings: Settings, *, rate_window_s: float, is_traced: bool) -> Privacy:
    """What holds for a service with these settings."""
    remembered = []
    if settings.rate is not None:
        in_memory = settings.rate_store.startswith("memory://")
        where = "the service's memory" if in_memory else "the store of FER_RATE_STORE"
        what = "when a client asked, by the name of its key or its address"
        remembered.append(Remembered(what=what, where=where, seconds=rate_window_s))
    return Privacy(
        kept=[],
        remembered=remembered,
        logged=Logged(
            requests=[Named(name=each.name, meaning=each.meaning) for each in FIELDS],
            others=[Named(name=name, meaning=meaning) for name, meaning in LOGGERS.items()],
        ),
        counted=[Counted(name=spec.name, meaning=spec.meaning, labels=list(spec.labels)) for spec in SPECS],
        traced=Traced(
            enabled=is_traced,
            attributes=[Named(name=each.name, meaning=each.meaning) for each in ATTRIBUTES],
            children=[stage for stage in STAGES if stage != "total"],
        ),
        never=list(NEVER),
    )
