"""Tracing: whether spans are made, and of what. Where the standard variables ask for none, nothing of it is loaded."""

import logging
import os
from collections.abc import Mapping
from typing import Protocol

from .record import Attribute, Record

log = logging.getLogger("service.tracing")

PROTOCOL = "http/protobuf"

ATTRIBUTES = (
    Attribute("http.request.method", "the HTTP method", lambda r: r.method),
    Attribute("http.route", "the template of the path", lambda r: r.known_route),
    Attribute("http.response.status_code", "the HTTP status, 101 for a session", lambda r: r.status),
    Attribute("http.request.body.size", "bytes received", lambda r: r.bytes_in),
    Attribute("http.response.body.size", "bytes sent", lambda r: r.bytes_out),
    Attribute("error.type", "the code of the last problem", lambda r: r.problem),
    Attribute("fer.request_id", "the id that the client was told", lambda r: r.request_id),
    Attribute("fer.images", "images and frames that were analysed", lambda r: r.images or None),
    Attribute("fer.faces", "faces that were found", lambda r: r.faces if r.images else None),
    Attribute("fer.dropped", "frames that were not analysed", lambda r: r.dropped or None),
    Attribute("fer.close_code", "why a session ended", lambda r: r.close_code),
)


class Tracer(Protocol):
    """What makes spans of records; `service.spans.Spans`."""

    def trace_headers(self, headers: list[tuple[bytes, bytes]]) -> dict[str, str]:
        """Those of a request's headers that name the client's own span."""
        ...

    def add(self, record: Record) -> None:
        """A span for a request or session that has ended, with one for each stage; sets the record's `trace_id`."""
        ...

    def close(self) -> None:
        """Send what has not been sent; takes half a second at most."""
        ...


def load_tracer(environment: Mapping[str, str] = os.environ) -> Tracer | None:
    """What sends spans where OpenTelemetry's variables say; None where they ask for none."""
    if not _is_asked_for(environment):
        return None
    protocol = _signal(environment, "PROTOCOL") or PROTOCOL
    if protocol != PROTOCOL:
        log.error("no spans: OTEL_EXPORTER_OTLP_PROTOCOL is %s; this service sends %s", protocol, PROTOCOL)
        return None
    from .spans import Spans

    return Spans(ATTRIBUTES)


def _is_asked_for(environment: Mapping[str, str]) -> bool:
    exporters = environment.get("OTEL_TRACES_EXPORTER", "").strip() or "otlp"
    return (
        bool(_signal(environment, "ENDPOINT"))
        and environment.get("OTEL_SDK_DISABLED", "").strip().lower() != "true"
        and "otlp" in exporters.split(",")
    )


def _signal(environment: Mapping[str, str], name: str) -> str:
    """A variable of the exporter: the one for traces alone, or the one for all signals."""
    values = (environment.get(f"OTEL_EXPORTER_OTLP_{kind}{name}", "").strip() for kind in ("TRACES_", ""))
    return next((value for value in values if value), "")
