"""Spans of a real server, as a collector gets them; and none, with nothing loaded, where nobody asks for them."""

import http.client
import json
import signal
import socket
import subprocess
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from websockets.sync.client import connect

from service.tracing import load_tracer
from tests.service.collectors import collecting, values
from tests.service.conftest import ROOT
from tests.service.processes import serving

PREDICT = "/v1/predict"
# The example of the W3C's recommendation "Trace Context".
TRACE_ID, PARENT_ID = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE_ID}-{PARENT_ID}-01"
# Sent ten times a second; the loopback network needs no proxy.
QUICK = {"OTEL_BSP_SCHEDULE_DELAY": "100", "NO_PROXY": "127.0.0.1"}


def post(address: str, path: str, body: bytes, **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection(address, timeout=30)
    connection.request("POST", path, body, {"X-Forwarded-For": "203.0.113.9", **headers})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer


def test_a_request_is_a_span_with_its_stages_below_the_clients_own(model_path: Path, photo: bytes) -> None:
    with (
        collecting() as collector,
        serving(model_path, ("OTEL_",), OTEL_EXPORTER_OTLP_ENDPOINT=collector.address, **QUICK) as (process, address),
    ):
        answer = post(address, PREDICT, photo, traceparent=TRACEPARENT)
        assert answer.status == 200
        spans = {span.name: span for span in collector.when(lambda spans: len(spans) == 6)}
        process.send_signal(signal.SIGTERM)
        log = process.log_at_end()
    server = spans.pop(f"POST {PREDICT}")
    assert (server.trace_id.hex(), server.parent_span_id.hex()) == (TRACE_ID, PARENT_ID)
    assert server.kind == server.SPAN_KIND_SERVER
    assert server.status.code == server.status.STATUS_CODE_UNSET
    told = values(server.attributes)
    assert told["http.route"] == PREDICT
    assert (told["http.request.method"], told["http.response.status_code"]) == ("POST", 200)
    assert told["fer.request_id"] == answer.headers["x-request-id"]
    assert (told["fer.images"], told["fer.faces"]) == (1, 1)
    assert list(spans) == ["queue", "decode", "detect", "infer", "explain"]
    at_ns = server.start_time_unix_nano
    for stage in spans.values():
        assert (stage.trace_id, stage.parent_span_id) == (server.trace_id, server.span_id)
        assert at_ns <= stage.start_time_unix_nano <= stage.end_time_unix_nano
        at_ns = stage.end_time_unix_nano
    assert at_ns <= server.end_time_unix_nano
    assert collector.resources[0]["service.name"] == "fer-service"
    lines = [json.loads(line) for line in log.splitlines()]
    assert [line["trace_id"] for line in lines if line.get("route") == PREDICT] == [TRACE_ID]


def test_spans_tell_what_failed_and_never_who_asked_for_what(model_path: Path, photo: bytes, body: bytes) -> None:
    form = (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="SECRET.jpg"\r\n\r\n' + photo + b"\r\n--x--\r\n"
    )
    with (
        collecting() as collector,
        serving(
            model_path,
            ("OTEL_",),
            OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=f"{collector.address}/v1/traces",
            OTEL_SERVICE_NAME="faces-here",
            # FastAPI's own spans, logs and metrics hold queries.
            FASTAPI_OTEL_AUTO_CONFIGURE="true",
            **QUICK,
        ) as (_, address),
    ):
        assert post(address, f"{PREDICT}?SECRET=1", photo).status == 422
        assert post(address, PREDICT, form, **{"Content-Type": "multipart/form-data; boundary=x"}).status == 200
        assert post(address, "/SECRET", b"").status == 404
        assert post(address, "/v1/predict/video", body).status == 200
        with connect(f"ws://{address}/v1/stream?SECRET=1") as stream:
            stream.recv()
            stream.send(b"SECRET")
            stream.recv()
            stream.send('{"type": "session.close"}')
            stream.recv()
        servers = [
            span
            for span in collector.when(lambda spans: any("/v1/stream" in span.name for span in spans))
            if not span.parent_span_id
        ]
    assert collector.paths == {"/v1/traces"}
    assert b"SECRET" not in collector.received
    assert b"203.0.113.9" not in collector.received
    assert collector.resources[0]["service.name"] == "faces-here"
    names = [f"POST {PREDICT}", f"POST {PREDICT}", "POST", "POST /v1/predict/video", "GET /v1/stream"]
    assert [span.name for span in servers] == names
    refused, _, unmatched, video, session = (values(span.attributes) for span in servers)
    assert (refused["error.type"], refused["http.response.status_code"]) == ("invalid_option", 422)
    assert "http.route" not in unmatched
    assert video["fer.images"] == 10
    assert video["fer.stages_ms.detect"] > 0
    assert (session["fer.close_code"], session["error.type"]) == (1000, "unsupported_media_type")


def test_a_collector_that_does_not_answer_does_not_delay_the_stop(model_path: Path, photo: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        patient = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_EXPORTER_OTLP_TIMEOUT": "60", **QUICK}
        with serving(model_path, ("OTEL_",), **patient) as (process, address):
            assert post(address, PREDICT, photo).status == 200
            time.sleep(0.5)
            process.send_signal(signal.SIGTERM)
            log = process.log_at_end()
    times = {line["message"]: datetime.fromisoformat(line["time"]) for line in map(json.loads, log.splitlines())}
    stopped = times["Application shutdown complete."] - times["Waiting for application shutdown."]
    assert timedelta(seconds=0.4) < stopped < timedelta(seconds=3)
    assert process.returncode == 0


_LOADED = """
import json, sys
from dataclasses import replace
from fastapi.testclient import TestClient
import service.app, service.loading
from service.settings import Settings
from tests.service.troubles import load_and_tell_modules
plan_of = service.loading.plan_images
def plan_images(*given):
    plan = plan_of(*given)
    return replace(plan, make=load_and_tell_modules, arguments=(plan.make, plan.arguments))
service.loading.plan_images = plan_images
app = service.app.create_app(Settings(model=sys.argv[1]))
with TestClient(app) as client:
    client.get("/v1/model"), client.get("/metrics")
    worker = app.state.service.pool.about["modules"]
print(json.dumps([sorted(sys.modules), worker]))
"""


def test_where_nobody_asks_for_spans_nothing_of_the_sdk_is_loaded(model_path: Path) -> None:
    """Neither by the service nor by its workers, also after requests."""
    done = subprocess.run([sys.executable, "-c", _LOADED, str(model_path)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for modules in json.loads(done.stdout):
        assert any(name.startswith("service.") for name in modules)
        # FastAPI loads the API where it is installed; what costs memory and threads is the SDK.
        loaded = ("opentelemetry.sdk", "opentelemetry.exporter", "opentelemetry.proto", "requests", "service.spans")
        assert [name for name in modules if name.startswith(loaded)] == []


ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"OTEL_SERVICE_NAME": "faces"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": " "},
        {"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://127.0.0.1:9"},
        {**ENDPOINT, "OTEL_SDK_DISABLED": "True"},
        {**ENDPOINT, "OTEL_TRACES_EXPORTER": "none"},
    ],
)
def test_no_spans_are_made_where_the_variables_ask_for_none(environment: dict[str, str]) -> None:
    assert load_tracer(environment) is None


def test_a_protocol_that_is_not_there_is_told(caplog: pytest.LogCaptureFixture) -> None:
    assert load_tracer({**ENDPOINT, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}) is None
    assert "OTEL_EXPORTER_OTLP_PROTOCOL is grpc" in caplog.text
