"""Metrics: what the service counts, in the Prometheus text format.

All is counted in the service's own process: workers send their times and counts with their answers, so a worker that
dies takes no figure with it, and no figure comes twice.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from .problems import problem_codes
from .record import Record
from .serving import Serving
from .workers.failures import Losses
from .workers.places import Places

# Seconds. The deadline of a request is 15 s by default; only whole requests and sessions last longer.
BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0)


@dataclass(frozen=True)
class Spec:
    """A metric's name, meaning and labels."""

    name: str
    meaning: str
    labels: tuple[str, ...] = ()


REQUESTS = Spec(
    "fer_requests_total", "Requests and WebSocket sessions that have ended, by route", ("method", "route", "status")
)
REQUEST_SECONDS = Spec("fer_request_seconds", "From a request's headers to the end of its answer", ("route",))
STAGE_SECONDS = Spec("fer_stage_seconds", "Time of an image or frame in each stage", ("route", "stage"))
IMAGES = Spec("fer_images_total", "Images and frames that were analysed", ("route",))
FACES = Spec("fer_faces_total", "Faces that were found", ("route",))
PROBLEMS = Spec("fer_problems_total", "Problems sent to clients, by code", ("code",))
DROPPED = Spec("fer_frames_dropped_total", "Frames of streams that were not analysed", ("reason",))
CLOSED = Spec("fer_streams_closed_total", "Streams that have ended, by close code of the service", ("code",))
STREAMS = Spec("fer_streams_open", "WebSocket sessions that are open")
VIDEOS = Spec("fer_videos_open", "Videos that are being received or analysed")
BATCHES = Spec("fer_batches_open", "Batches that are being received or analysed")
QUEUE = Spec("fer_queue_depth", "Images and frames that wait for a worker")
WORKERS = Spec("fer_workers_alive", "Workers that can take a task or have one")
WANTED = Spec("fer_workers_configured", "Workers that there should be")
REPLACED = Spec(
    "fer_workers_replaced_total", "Workers that ended before they should, also those of single videos", ("reason",)
)
FAILED_STARTS = Spec("fer_worker_start_failures_total", "Workers that could not be started")
MODEL_CHANGES = Spec(
    "fer_model_changes_total", "Model files that were put in the place of the served one", ("outcome",)
)
MODEL = Spec("fer_model_info", "The model that is served; always 1", ("name", "version", "sha256"))
SHADOW_FACES = Spec(
    "fer_shadow_faces_total",
    "Faces that the shadow model has read, by the label that was answered and its own",
    ("label", "shadow_label"),
)
SHADOW_MODEL = Spec("fer_shadow_model_info", "The shadow model; always 1", ("name", "version", "sha256"))
DETECTOR = Spec("fer_detector_info", "The detectors that are there; always 1", ("option", "name", "sha256", "default"))

SPECS = (
    *(REQUESTS, REQUEST_SECONDS, STAGE_SECONDS, IMAGES, FACES, PROBLEMS, DROPPED, CLOSED, STREAMS, VIDEOS),
    *(BATCHES, QUEUE, WORKERS, WANTED, REPLACED, FAILED_STARTS, MODEL_CHANGES, MODEL, DETECTOR),
    *(SHADOW_FACES, SHADOW_MODEL),
)


class Metrics:
    """Counts for one service, in a registry of its own; the Meter of its records."""

    def __init__(
        self, *, serving: Callable[[], Serving], streams: Places, videos: Places, batches: Places, video_losses: Losses
    ) -> None:
        """`serving` gives what is served now."""
        self._registry = CollectorRegistry()
        self._requests = self._counter(REQUESTS)
        self._request_seconds = self._histogram(REQUEST_SECONDS)
        self._stage_seconds = self._histogram(STAGE_SECONDS)
        self._images, self._faces = self._counter(IMAGES), self._counter(FACES)
        self._problems, self._dropped = self._counter(PROBLEMS), self._counter(DROPPED)
        self._closed = self._counter(CLOSED)
        self._serving, self._shadow_faces = serving, self._counter(SHADOW_FACES)
        self._model_changes = self._counter(MODEL_CHANGES)
        for outcome in ("served", "refused"):
            self._model_changes.labels(outcome)
        for code in problem_codes():
            self._problems.labels(code)
        self._registry.register(_Now(serving, streams, videos, batches, video_losses))
        ProcessCollector(registry=self._registry)
        # Finding the child of a metric costs more than counting; routes, stages and codes are few.
        self._child = lru_cache(maxsize=None)(lambda metric, *labels: metric.labels(*labels))
        # Also before the first image: an autoscaler that reads the wait removes no replica while it is missing.
        self._child(self._stage_seconds, "/v1/predict", "queue")

    def _counter(self, spec: Spec) -> Counter:
        return Counter(spec.name, spec.meaning, spec.labels, registry=self._registry)

    def _histogram(self, spec: Spec) -> Histogram:
        return Histogram(spec.name, spec.meaning, spec.labels, registry=self._registry, buckets=BUCKETS_S)

    def count_image(self, route: str, stages_ms: Mapping[str, float], faces: int) -> None:
        for stage, elapsed_ms in stages_ms.items():
            self._child(self._stage_seconds, route, stage).observe(elapsed_ms / 1000)
        self._child(self._images, route).inc()
        self._child(self._faces, route).inc(faces)

    def count_shadow(self, label: str, shadow_label: str) -> None:
        """A face that a shadow model has read. Labels that the models do not have are no labels."""
        serving = self._serving()
        if serving.shadow is not None and label in serving.contract.labels and shadow_label in serving.shadow.labels:
            self._shadow_faces.labels(label, shadow_label).inc()

    def count_problem(self, code: str) -> None:
        self._problems.labels(code).inc()

    def count_dropped(self, reason: str) -> None:
        self._dropped.labels(reason).inc()

    def count_model(self, outcome: Literal["served", "refused"]) -> None:
        """A model file that was put in the place of the one that is served."""
        self._model_changes.labels(outcome).inc()

    def count_request(self, record: Record) -> None:
        """A request or session that has ended."""
        self._child(self._requests, record.method, record.route, record.status or "none").inc()
        if record.closed_by is None:
            self._child(self._request_seconds, record.route).observe(record.duration_ms / 1000)
        else:
            # Clients may close with any code; those are one label.
            self._closed.labels(record.close_code if record.closed_by == "service" else "client").inc()

    def text(self, accept: str) -> tuple[bytes, str]:
        """All metrics in the format that an Accept header asks for, and its media type."""
        encode, media_type = choose_encoder(accept)
        return encode(self._registry), media_type


class _Now(Collector):
    """What others count: read when it is asked for."""

    def __init__(
        self, serving: Callable[[], Serving], streams: Places, videos: Places, batches: Places, video_losses: Losses
    ) -> None:
        self._serving, self._streams, self._videos, self._batches = serving, streams, videos, batches
        self._video_losses = video_losses

    def collect(self) -> Iterator[Metric]:
        serving = self._serving()
        pool = serving.pool
        yield _gauge(STREAMS, self._streams.taken)
        yield _gauge(VIDEOS, self._videos.taken)
        yield _gauge(BATCHES, self._batches.taken)
        yield _gauge(QUEUE, pool.waiting)
        yield _gauge(WORKERS, pool.alive)
        yield _gauge(WANTED, pool.configured)
        replaced = CounterMetricFamily(REPLACED.name, REPLACED.meaning, labels=REPLACED.labels)
        for reason, count in pool.replaced_by.items():
            replaced.add_metric([reason], count + self._video_losses.ended_by[reason])
        yield replaced
        failed_starts = pool.failed_starts + self._video_losses.failed_starts
        yield CounterMetricFamily(FAILED_STARTS.name, FAILED_STARTS.meaning, value=failed_starts)
        for spec, contract in ((MODEL, serving.contract), (SHADOW_MODEL, serving.shadow)):
            model = GaugeMetricFamily(spec.name, spec.meaning, labels=spec.labels)
            if contract is not None:
                model.add_metric([contract.name, contract.version, contract.sha256], 1)
            yield model
        detector = GaugeMetricFamily(DETECTOR.name, DETECTOR.meaning, labels=DETECTOR.labels)
        for option, search in serving.detectors.by_option.items():
            is_default = str(option == serving.detectors.default).lower()
            detector.add_metric([option, search["name"], search.get("sha256") or "", is_default], 1)
        yield detector


def _gauge(spec: Spec, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(spec.name, spec.meaning, value=value)


def markdown_table() -> str:
    """A row per metric, for docs/guides/operating.md."""
    rows = [f"| `{spec.name}` | {', '.join(f'`{each}`' for each in spec.labels)} | {spec.meaning} |" for spec in SPECS]
    return "\n".join(["| metric | labels | what it is |", "|---|---|---|", *rows]) + "\n"
