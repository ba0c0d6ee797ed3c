"""The log of a real server: a line for each request and session, and nothing that tells who asked for what."""

import http.client
import io
import json
import logging
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import connect

from service import request_log
from service.record import Record, recording
from service.request_log import FIELDS, log_request
from tests.service.processes import SERVICE, serving

PREDICT = "/v1/predict"
# An address of the loopback network, so that it is no other's; what a proxy would say of a client; and what clients say
# of themselves and their files.
ADDRESS, FORWARDED = "127.0.0.77", "203.0.113.9"
SECRETS = (ADDRESS, FORWARDED, "SECRET")

# The service with analyses that fail, so that faults are logged.
FAILING = """
import service.app, service.loading
from dataclasses import replace
from tests.service import troubles
plan_of = service.loading.plan_images
def plan_images(*given):
    plan = plan_of(*given)
    return replace(plan, make=troubles._load_troubled, arguments=(0.0, "a fault", plan.make, plan.arguments))
service.loading.plan_images = plan_images
from service.server import serve
raise SystemExit(serve())
"""


@contextmanager
def logged(
    model: Path, program: tuple[str, ...] = SERVICE, **environment: str
) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A service's address, and, once the block has ended, the lines of its log, each a JSON object."""
    lines: list[dict[str, Any]] = []
    with serving(model, (), program, **environment) as (process, address):
        yield address, lines
        process.send_signal(signal.SIGTERM)
        text = process.log_at_end()
    lines += [json.loads(line) for line in text.splitlines()]


def send(address: str, method: str, path: str, body: bytes = b"", **headers: str) -> int:
    """The status of an answer to a client at ADDRESS behind a proxy."""
    connection = http.client.HTTPConnection(address, timeout=30, source_address=(ADDRESS, 0))
    told = {"X-Forwarded-For": FORWARDED, "User-Agent": "SECRET/1.0", "Cookie": "SECRET"}
    connection.request(method, path, body, {**told, **headers})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


def form(body: bytes, name: str = "SECRET.jpg") -> tuple[bytes, str]:
    """A multipart form with a file, and its content type."""
    head = f'--x\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    return head.encode() + body + b"\r\n--x--\r\n", "multipart/form-data; boundary=x"


def requests_of(lines: list[dict[str, Any]], route: str) -> list[dict[str, Any]]:
    return [line for line in lines if line["logger"] == "service.requests" and line["route"] == route]


def test_each_request_has_a_line_and_no_line_tells_who_asked(model_path: Path, photo: bytes, body: bytes) -> None:
    file, kind = form(photo)
    with logged(model_path) as (address, lines):
        assert send(address, "POST", PREDICT, file, **{"Content-Type": kind}) == 200
        assert send(address, "POST", f"{PREDICT}?SECRET=1", photo) == 422
        assert send(address, "POST", PREDICT, form(b"SECRET")[0], **{"Content-Type": kind}) == 415
        assert send(address, "POST", PREDICT, b"SECRET", **{"Content-Type": "application/json"}) == 400
        assert send(address, "GET", "/SECRET/SECRET.jpg?SECRET=SECRET") == 404
        assert send(address, "DELETE", f"{PREDICT}?SECRET") == 405
        assert send(address, "POST", PREDICT, photo, Origin="https://SECRET.example") == 403
        assert send(address, "POST", "/v1/predict/video", form(body)[0], **{"Content-Type": kind}) == 200
        for path in ("/livez", "/readyz", "/metrics"):
            assert send(address, "GET", path) == 200
        with connect(f"ws://{address}/v1/stream?SECRET=1", source_address=(ADDRESS, 0)) as stream:
            session_id = json.loads(stream.recv())["session_id"]
            for message in (photo, b"SECRET", '{"type": "session.update", "SECRET": 1}', '{"type": "session.close"}'):
                stream.send(message)
                stream.recv()
    text = json.dumps([line for line in lines if line["logger"] != "service.access"])
    for secret in SECRETS:
        assert secret not in text
    assert {line["logger"] for line in lines} <= {"service", "service.requests", "service.access", "uvicorn.error"}

    answered, *refused = requests_of(lines, PREDICT)
    assert (answered["method"], answered["status"], answered["bytes_in"]) == ("POST", 200, len(file))
    assert (answered["images"], answered["faces"], "problem" in answered) == (1, 1, False)
    assert list(answered["stages_ms"]) == ["decode", "detect", "infer", "explain", "queue", "total"]
    assert answered["bytes_out"] > 100
    assert answered["duration_ms"] >= answered["stages_ms"]["total"] > 0
    codes = ["invalid_option", "unsupported_media_type", "malformed_body", "method_not_allowed", "forbidden_origin"]
    assert [line["problem"] for line in refused] == codes
    assert [line["route"] for line in lines if line.get("status") == 404] == ["unmatched"]
    assert [requests_of(lines, probe) for probe in ("/livez", "/readyz", "/metrics")] == [[], [], []]

    (video,) = requests_of(lines, "/v1/predict/video")
    assert (video["images"], video["status"]) == (10, 200)
    (session,) = requests_of(lines, "/v1/stream")
    assert (session["request_id"], session["status"], session["close_code"]) == (session_id, 101, 1000)
    assert (session["images"], session["problems"], session["closed_by"]) == (1, 2, "service")
    assert session["bytes_in"] > len(photo)


@pytest.mark.parametrize("form_of_log", ["json", "text"])
def test_faults_are_logged_without_who_asked(model_path: Path, photo: bytes, form_of_log: str) -> None:
    environment = {"FER_LOG_FORMAT": form_of_log, "FER_WORKERS": "1"}
    with serving(model_path, (), ("-c", FAILING), **environment) as (process, address):
        file, kind = form(photo)
        assert send(address, "POST", PREDICT, file, **{"Content-Type": kind}) == 500
        assert send(address, "POST", f"{PREDICT}?explain=gradcam&SECRET=SECRET", photo) == 422
        process.send_signal(signal.SIGTERM)
        text = process.log_at_end()
    for secret in SECRETS:
        assert secret not in text
    assert "RuntimeError: a fault" in text
    if form_of_log == "json":
        lines = [json.loads(line) for line in text.splitlines()]
        (fault,) = [line for line in lines if "exception" in line]
        failed, refused = requests_of(lines, PREDICT)
        assert fault["request_id"] == failed["request_id"] != refused["request_id"]
        assert (failed["problem"], refused["problem"]) == ("internal", "invalid_option")
    else:
        assert " INFO service.requests: POST /v1/predict 500 request_id=" in text
        assert " problem=internal" in text


def test_a_client_that_leaves_is_said_to_have_been_cut_off(model_path: Path, body: bytes) -> None:
    with logged(model_path) as (address, lines):
        connection = http.client.HTTPConnection(address, timeout=30)
        connection.request("POST", "/v1/predict/video?fps=60&explain=gradcam&target=all&crop=whole", body)
        connection.getresponse().read(10)
        connection.close()
        time.sleep(1)
    (line,) = requests_of(lines, "/v1/predict/video")
    assert line["cut_off"] is True
    assert line["status"] == 200


# --- the formatters ----------------------------------------------------------------------------


@pytest.fixture
def output() -> Iterator[io.StringIO]:
    """What is logged, once a test has called `request_log.configure` with it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield io.StringIO()
    root.handlers[:] = handlers
    root.setLevel(level)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_text_is_for_terminals_unless_something_else_is_asked_for() -> None:
    handlers = logging.getLogger().handlers[:]
    lines = {}
    for form_of_log, stream in (("auto", Terminal()), ("auto", io.StringIO()), ("json", Terminal())):
        request_log.configure(form_of_log, stream)  # type: ignore[arg-type]
        logging.getLogger("service").warning("hello")
        lines[form_of_log, stream.isatty()] = stream.getvalue()
    logging.getLogger().handlers[:] = handlers
    assert lines["auto", True].endswith("Z WARNING service: hello\n")
    assert json.loads(lines["auto", False]).items() >= {"level": "warning", "message": "hello"}.items()
    assert lines["json", True].startswith("{")


@pytest.mark.parametrize("form_of_log", ["json", "text"])
def test_what_is_logged_within_a_request_has_its_id(output: io.StringIO, form_of_log: str) -> None:
    request_log.configure(form_of_log, output)  # type: ignore[arg-type]
    with recording(Record("the-id", "GET", "/")):
        logging.getLogger("service.video").info("within")
    logging.getLogger("service.video").info("outside")
    within, outside = output.getvalue().splitlines()
    assert "the-id" in within
    assert "the-id" not in outside
    assert "request_id" not in outside


def test_a_line_has_the_fields_that_are_listed_and_no_empty_ones(output: io.StringIO) -> None:
    request_log.configure("json", output)
    record = Record("id", "GET", "/v1/stream", status=101, close_code=1000, closed_by="service")
    record.add_image({"timing_ms": {"decode": 1.23456}, "faces": 0}, {"total": 2.0})
    log_request(record)
    line = json.loads(output.getvalue())
    names = {field.name for field in FIELDS}
    assert set(line) <= {"time", "level", "logger", "message", *names}
    assert line["stages_ms"] == {"decode": 1.235, "total": 2.0}
    assert line["faces"] == 0
    assert None not in line.values()
    assert line["time"].endswith("Z")


def test_an_answered_probe_has_no_line_and_a_refused_one_has(output: io.StringIO) -> None:
    request_log.configure("json", output)
    log_request(Record("id", "GET", "/readyz", status=200))
    assert output.getvalue() == ""
    log_request(Record("id", "GET", "/readyz", status=503))
    assert json.loads(output.getvalue())["status"] == 503


def test_no_text_can_look_like_a_line_of_the_log(output: io.StringIO) -> None:
    request_log.configure("text", output)
    try:
        raise ValueError("a\n2026-01-01T00:00:00.000Z INFO service: forged\r2026 forged, too")
    except ValueError:
        logging.getLogger("service").exception("it\nfailed")
    first, *others = output.getvalue().splitlines()
    assert first.endswith(" ERROR service: it")
    assert len(others) > 4
    assert all(line.startswith("  ") for line in others)


def test_a_message_of_several_lines_is_one_line_of_json(output: io.StringIO) -> None:
    request_log.configure("json", output)
    try:
        raise ValueError("two\nlines")
    except ValueError:
        logging.getLogger("service").exception("it\nfailed")
    (line,) = output.getvalue().splitlines()
    assert json.loads(line)["exception"].endswith("ValueError: two\nlines")
