"""GET /privacy: it says what the service does, all of it and nothing else."""

import json
import re
import signal
import urllib.request
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from service.app import create_app
from service.privacy import LOGGERS
from service.settings import Settings
from tests.service.collectors import collecting, values
from tests.service.conftest import ROOT
from tests.service.processes import serving


def asked(address: str, path: str, body: bytes | None = None) -> bytes:
    with urllib.request.urlopen(f"http://{address}{path}", data=body, timeout=30) as response:
        content: bytes = response.read()
    return content


def names(listed: list[dict[str, Any]]) -> set[str]:
    return {each["name"] for each in listed}


def test_all_that_a_service_logs_counts_and_traces_is_listed(model_path: Path, photo: bytes, body: bytes) -> None:
    quick = {"OTEL_BSP_SCHEDULE_DELAY": "100", "NO_PROXY": "127.0.0.1"}
    with (
        collecting() as collector,
        serving(model_path, ("OTEL_",), OTEL_EXPORTER_OTLP_ENDPOINT=collector.address, **quick) as (process, address),
    ):
        told = json.loads(asked(address, "/privacy"))
        asked(address, "/v1/predict", photo)
        asked(address, "/v1/predict/video", body)
        families = list(text_string_to_metric_families(asked(address, "/metrics").decode()))
        spans = collector.when(lambda spans: any("video" in span.name for span in spans))
        process.send_signal(signal.SIGTERM)
        log = process.log_at_end()
    assert told["kept"] == []
    lines = [json.loads(line) for line in log.splitlines()]
    of_every_line = {"time", "level", "logger", "message"}
    logged = {name for line in lines if line["logger"] == "service.requests" for name in line} - of_every_line
    assert {"request_id", "stages_ms", "faces"} <= logged <= names(told["logged"]["requests"])
    assert {line["logger"] for line in lines} - {"service.requests"} <= names(told["logged"]["others"])

    counted = {each["name"].removesuffix("_total"): set(each["labels"]) for each in told["counted"]}
    for family in families:
        if family.name.startswith("fer_") and not family.name.endswith("_created"):
            for sample in family.samples:
                assert set(sample.labels) - {"le"} == counted[family.name], sample.name

    assert told["traced"]["enabled"] is True
    traced = {name for span in spans for name in values(span.attributes)}
    sums = {f"fer.stages_ms.{stage}" for stage in (*told["traced"]["children"], "total")}
    assert {"http.route", "fer.faces"} <= traced <= names(told["traced"]["attributes"]) | sums
    assert {span.name for span in spans if span.parent_span_id} == set(told["traced"]["children"])


def test_every_logger_of_the_service_is_listed() -> None:
    sources = "".join(path.read_text() for path in (ROOT / "service").rglob("*.py"))
    loggers = set(re.findall(r'"(service(?:\.\w+)?)"\)?\n', "\n".join(re.findall(r"(?m)^log = .*$", sources)) + "\n"))
    assert {"service", "service.requests", "service.workers"} <= loggers <= {*LOGGERS, "service.requests"}


def test_clients_are_remembered_where_rates_are_counted(settings: Settings, client: TestClient) -> None:
    told = client.get("/privacy").json()
    assert told["remembered"] == []
    assert told["traced"]["enabled"] is False
    with TestClient(create_app(settings.model_copy(update={"rate": 5.0}))) as counting:
        (remembered,) = counting.get("/privacy").json()["remembered"]
    assert (remembered["where"], remembered["seconds"]) == ("the service's memory", 10)
