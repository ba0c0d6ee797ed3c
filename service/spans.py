"""Spans: records as OpenTelemetry spans, sent by OTLP. Loaded by `tracing.load_tracer` alone."""

import threading

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from . import __version__
from .record import OTHER_METHOD, STAGES, Attribute, Record

DEFAULT_NAME = "fer-service"
# A stop takes three seconds at most, whatever the collector does.
_CLOSE_S = 0.5


class Spans:
    """Makes a span of each record, once it has ended; the SDK reads all else from its own variables."""

    def __init__(self, attributes: tuple[Attribute, ...]) -> None:
        self._attributes = attributes
        self._provider = TracerProvider(resource=_resource(), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("fer_service", __version__)
        self._propagator = TraceContextTextMapPropagator()
        self._fields = {name.encode() for name in self._propagator.fields}

    def trace_headers(self, headers: list[tuple[bytes, bytes]]) -> dict[str, str]:
        """`traceparent` and `tracestate`, where a client sent them."""
        return {name.decode(): value.decode("latin-1") for name, value in headers if name in self._fields}

    def add(self, record: Record) -> None:
        """A server span, with a child for each stage where one image was analysed."""
        if record.is_probe:
            return
        method = "HTTP" if record.method == OTHER_METHOD else record.method
        span = self._tracer.start_span(
            f"{method} {record.known_route}" if record.known_route else method,
            self._propagator.extract(record.trace_headers, Context()),
            SpanKind.SERVER,
            {each.name: value for each in self._attributes if (value := each.value(record)) is not None},
            start_time=record.began_ns,
        )
        if record.status is None or record.status >= 500:
            span.set_status(Status(StatusCode.ERROR))
        if span.get_span_context().trace_flags.sampled:
            record.trace_id = f"{span.get_span_context().trace_id:032x}"
        self._add_stages(span, record)
        span.end(record.began_ns + _ns(record.duration_ms))

    def _add_stages(self, span: Span, record: Record) -> None:
        """One image's stages follow each other. Those of many overlap; their sums are attributes."""
        stages = [(stage, record.stages_ms[stage]) for stage in STAGES if stage in record.stages_ms]
        if record.images > 1:
            span.set_attributes({f"fer.stages_ms.{stage}": elapsed_ms for stage, elapsed_ms in stages})
            return
        context = set_span_in_context(span, Context())
        at_ns = record.image_began_ns
        for stage, elapsed_ms in stages:
            if stage != "total":
                child = self._tracer.start_span(stage, context, start_time=at_ns)
                at_ns += _ns(elapsed_ms)
                child.end(at_ns)

    def close(self) -> None:
        """Send what has not been sent, in a thread that does not keep the process from ending."""
        closing = threading.Thread(target=self._provider.shutdown, daemon=True)
        closing.start()
        closing.join(_CLOSE_S)


def _resource() -> Resource:
    resource = Resource.create({SERVICE_VERSION: __version__})
    if str(resource.attributes.get(SERVICE_NAME)).startswith("unknown_service"):
        resource = resource.merge(Resource({SERVICE_NAME: DEFAULT_NAME}))
    return resource


def _ns(elapsed_ms: float) -> int:
    return int(elapsed_ms * 1_000_000)
