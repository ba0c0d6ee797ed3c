"""Spans made of records, in this process; tests/service/test_tracing.py has those of a real server."""

from collections.abc import Iterator

import pytest

from service.record import OTHER_METHOD, UNMATCHED, Record
from service.tracing import ATTRIBUTES, load_tracer
from tests.service.collectors import Collector, collecting, values

TRACE_ID, PARENT_ID = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE_ID}-{PARENT_ID}-01"
STAGES_MS = {"queue": 1.0, "decode": 2.0, "detect": 3.0, "infer": 4.0, "explain": 5.0, "total": 15.0}


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with collecting() as found:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", found.address)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield found


def told(collector: Collector, *records: Record) -> None:
    """Send the spans of records to the collector."""
    tracer = load_tracer()
    assert tracer is not None
    for record in records:
        record.end()
        tracer.add(record)
    tracer.close()


def of_one_image(**fields: object) -> Record:
    record = Record("id", "POST", "/v1/predict")
    record.add_image({"timing_ms": STAGES_MS, "faces": 2}, {})
    for name, value in fields.items():
        setattr(record, name, value)
    return record


def test_a_span_has_the_records_attributes_and_the_stages_follow_each_other(collector: Collector) -> None:
    record = of_one_image(status=200, trace_headers={"traceparent": TRACEPARENT})
    told(collector, record)
    spans = {span.name: span for span in collector.when(lambda spans: len(spans) == 6)}
    server = spans.pop("POST /v1/predict")
    assert (server.trace_id.hex(), server.parent_span_id.hex()) == (TRACE_ID, PARENT_ID)
    assert record.trace_id == TRACE_ID
    expected = {each.name: each.value(record) for each in ATTRIBUTES}
    assert values(server.attributes) == {name: value for name, value in expected.items() if value is not None}
    lengths_ms = {name: (span.end_time_unix_nano - span.start_time_unix_nano) / 1e6 for name, span in spans.items()}
    assert lengths_ms == {name: value for name, value in STAGES_MS.items() if name != "total"}
    assert spans["decode"].start_time_unix_nano == spans["queue"].end_time_unix_nano


def test_stages_of_many_images_are_sums_and_no_spans(collector: Collector) -> None:
    record = of_one_image(status=200)
    record.add_image({"timing_ms": STAGES_MS, "faces": 0}, {})
    told(collector, record)
    (span,) = collector.when(lambda spans: len(spans) == 1)
    assert values(span.attributes)["fer.stages_ms.detect"] == 6.0


@pytest.mark.parametrize(("status", "failed"), [(200, False), (422, False), (500, True), (None, True)])
def test_only_a_fault_of_the_service_is_an_error(collector: Collector, status: int | None, failed: bool) -> None:
    told(collector, Record("id", "GET", "/v1/model", status=status))
    (span,) = collector.when(lambda spans: len(spans) == 1)
    assert (span.status.code == span.status.STATUS_CODE_ERROR) == failed


def test_names_are_bounded_and_answers_to_monitors_left_out(collector: Collector) -> None:
    told(
        collector,
        Record("1", "GET", "/livez", status=200),
        Record("2", "GET", "/readyz", status=503),
        Record("3", OTHER_METHOD, UNMATCHED, status=404),
    )
    spans = collector.when(lambda spans: len(spans) == 2)
    assert [span.name for span in spans] == ["GET /readyz", "HTTP"]


def test_the_clients_headers_are_picked_out_and_nothing_else(collector: Collector) -> None:
    tracer = load_tracer()
    assert tracer is not None
    headers = [(b"traceparent", TRACEPARENT.encode()), (b"cookie", b"secret"), (b"tracestate", b"a=b")]
    assert tracer.trace_headers(headers) == {"traceparent": TRACEPARENT, "tracestate": "a=b"}
    tracer.close()


def test_a_service_without_a_name_has_ours_and_another_name_stays(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    told(collector, Record("1", "GET", "/v1/model", status=200))
    monkeypatch.setenv("OTEL_SERVICE_NAME", "faces-here")
    told(collector, Record("2", "GET", "/v1/model", status=200))
    collector.when(lambda spans: len(spans) == 2)
    assert [each["service.name"] for each in collector.resources] == ["fer-service", "faces-here"]


def test_a_protocol_that_is_not_spoken_is_named(
    collector: Collector, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    assert load_tracer() is None
    assert "is grpc; this service sends http/protobuf" in caplog.text
