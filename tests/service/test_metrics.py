"""GET /metrics of a real server: what is counted, once each, under labels that no client can make up."""

import json
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from fastapi.testclient import TestClient
from websockets.sync.client import connect

from service.app import create_app
from service.metrics import SPECS, markdown_table
from service.problems import problem_codes
from service.settings import Settings
from tests.service.batches import URL as BATCH
from tests.service.batches import parts
from tests.service.conftest import METADATA, ROOT
from tests.service.processes import serving
from tests.service.scrapes import Scrape, scrape, scrape_of, value
from tests.service.streams import Gate, session
from tests.service.troubles import trouble

PREDICT = "/v1/predict"
# Of WebDAV, which HTTP's parser knows.
UNUSUAL = ("PROPFIND", "MKCOL", "LOCK", "UNLOCK", "COPY", "MOVE")


@pytest.fixture(scope="module")
def address(model_path: Path) -> Iterator[str]:
    with serving(model_path, FER_WORKERS="2") as (_, address):
        yield address


def post(address: str, path: str, body: bytes, method: str = "POST") -> int:
    request = urllib.request.Request(f"http://{address}{path}", data=body, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
            response.read()
            return int(response.status)
    except urllib.error.HTTPError as error:
        error.read()
        return error.code


class Growth:
    """How samples have grown since this was made."""

    def __init__(self, address: str) -> None:
        self._address, self._before = address, scrape(address)

    def of(self, name: str, /, **labels: object) -> float:
        return value(scrape(self._address), name, **labels) - value(self._before, name, **labels)


def test_a_request_is_counted_once_with_its_faces_and_stages(address: str, photo: bytes) -> None:
    growth = Growth(address)
    assert post(address, PREDICT, photo) == 200
    assert growth.of("fer_requests_total", method="POST", route=PREDICT, status=200) == 1
    assert growth.of("fer_images_total", route=PREDICT) == growth.of("fer_faces_total", route=PREDICT) == 1
    seconds = {stage: growth.of("fer_stage_seconds_sum", route=PREDICT, stage=stage) for stage in ("detect", "total")}
    assert 0 < seconds["detect"] < seconds["total"]
    for stage in ("queue", "decode", "detect", "infer", "explain", "total"):
        assert growth.of("fer_stage_seconds_count", route=PREDICT, stage=stage) == 1
    assert growth.of("fer_request_seconds_count", route=PREDICT) == 1
    assert growth.of("fer_request_seconds_sum", route=PREDICT) >= seconds["total"]


def test_a_refusal_is_counted_by_its_code_and_has_no_stages(address: str) -> None:
    growth = Growth(address)
    assert post(address, PREDICT, b"no image") == 415
    assert post(address, f"{PREDICT}?odd=1", b"no image") == 422
    assert growth.of("fer_problems_total", code="unsupported_media_type") == 1
    assert growth.of("fer_problems_total", code="invalid_option") == 1
    assert growth.of("fer_requests_total", method="POST", route=PREDICT, status=415) == 1
    assert growth.of("fer_stage_seconds_count", route=PREDICT, stage="total") == 0


def test_a_stream_is_counted_frame_by_frame_and_at_its_end(address: str, white: bytes) -> None:
    growth = Growth(address)
    with connect(f"ws://{address}/v1/stream?who=me") as stream:
        stream.recv()
        stream.send(white)
        assert json.loads(stream.recv())["type"] == "result"
        stream.send(b"no image")
        assert json.loads(stream.recv())["type"] == "error"
        assert growth.of("fer_streams_open") == 1
        assert growth.of("fer_images_total", route="/v1/stream") == 1
        assert growth.of("fer_stage_seconds_count", route="/v1/stream", stage="decode") == 1
        assert growth.of("fer_problems_total", code="unsupported_media_type") == 1
        stream.send('{"type": "session.close"}')
        assert json.loads(stream.recv())["type"] == "session.closed"
    assert growth.of("fer_streams_open") == 0
    assert growth.of("fer_streams_closed_total", code=1000) == 1
    assert growth.of("fer_requests_total", method="GET", route="/v1/stream", status=101) == 1


def test_a_video_is_counted_frame_by_frame(address: str, body: bytes) -> None:
    growth = Growth(address)
    assert post(address, "/v1/predict/video?fps=5", body) == 200
    route = "/v1/predict/video"
    assert growth.of("fer_images_total", route=route) == 10
    for stage in ("decode", "detect", "infer", "explain", "total"):
        assert growth.of("fer_stage_seconds_count", route=route, stage=stage) == 10
    assert growth.of("fer_stage_seconds_sum", route=route, stage="decode") > 0
    assert growth.of("fer_requests_total", method="POST", route=route, status=200) == 1
    assert growth.of("fer_videos_open") == 0


def test_a_batch_is_counted_image_by_image(address: str, white: bytes) -> None:
    growth = Growth(address)
    assert httpx2.post(f"http://{address}{BATCH}", files=parts([white, b"text", white])).status_code == 200
    assert growth.of("fer_images_total", route=BATCH) == 2
    for stage in ("queue", "decode", "detect", "infer", "explain", "total"):
        assert growth.of("fer_stage_seconds_count", route=BATCH, stage=stage) == 2
    assert growth.of("fer_problems_total", code="unsupported_media_type") == 1
    assert growth.of("fer_requests_total", method="POST", route=BATCH, status=200) == 1
    assert growth.of("fer_batches_open") == 0


def test_what_is_refused_before_it_is_a_request_is_counted(address: str) -> None:
    growth = Growth(address)
    host, port = address.split(":")
    with socket.create_connection((host, int(port)), timeout=10) as stranger:
        stranger.sendall(b"nonsense\r\n\r\n")
        assert stranger.recv(100).startswith(b"HTTP/1.1 501")
    assert growth.of("fer_problems_total", code="method_not_known") == 1
    assert growth.of("fer_requests_total", method="_OTHER", route="unmatched", status=501) == 1


def test_no_client_can_make_up_labels(address: str) -> None:
    """Paths, methods, queries, close codes and protocols that nobody knows add the labels of one at most."""

    def labels(scraped: Scrape) -> int:
        return len([name for name, _ in scraped if name.startswith("fer_")])

    def stranger(number: int) -> None:
        post(address, f"/no/such/path/{number}", b"")
        post(address, f"/static/{number}", b"", "GET")
        post(address, f"{PREDICT}?{number}=1", b"x")
        for method in (UNUSUAL[number], f"MADEUP{number}"):
            post(address, PREDICT, b"x", method)
        with connect(f"ws://{address}/v1/stream") as stream:
            stream.recv()
            stream.close(4000 + number)

    def closed(scraped: Scrape) -> float:
        return value(scraped, "fer_streams_closed_total", code="client")

    earlier = closed(scrape(address))

    def scraped_after(sessions: int) -> Scrape:
        """The service counts a session a moment after its client has closed it."""
        for _ in range(100):
            scraped = scrape(address)
            if closed(scraped) - earlier >= sessions:
                return scraped
            time.sleep(0.05)
        pytest.fail("a session was not counted")

    stranger(0)
    before = labels(scraped_after(1))
    for number in range(1, 6):
        stranger(number)
    after = scraped_after(6)
    assert labels(after) == before
    assert value(after, "fer_requests_total", method="_OTHER", route=PREDICT, status=405) >= 6
    assert value(after, "fer_requests_total", method="POST", route="unmatched", status=404) >= 6
    assert value(after, "fer_requests_total", method="GET", route="/static/{path}", status=404) >= 6


def test_a_request_that_ends_without_an_answer_is_counted_too(address: str) -> None:
    growth = Growth(address)
    host, port = address.split(":")
    with socket.create_connection((host, int(port)), timeout=10) as left:
        left.sendall(f"POST {PREDICT} HTTP/1.1\r\nHost: {address}\r\nContent-Length: 100\r\n\r\nabc".encode())
    for _ in range(100):
        if growth.of("fer_requests_total", method="POST", route=PREDICT, status=400):
            return
    pytest.fail("it was not counted")


def test_model_detectors_and_workers_are_told(address: str, client: TestClient) -> None:
    now = scrape(address)
    model = client.get("/v1/model").json()
    assert value(now, "fer_model_info", name=METADATA["name"], version="1.2.3", sha256=model["sha256"]) == 1
    assert value(now, "fer_detector_info", option="haar", name=model["detector"]["name"], sha256="", default="true")
    assert value(now, "fer_workers_alive") == value(now, "fer_workers_configured") == 2
    assert {dict(labels)["code"] for name, labels in now if name == "fer_problems_total"} == problem_codes()
    assert any(name == "process_resident_memory_bytes" for name, _ in now)


def test_every_metric_that_is_specified_is_there(address: str) -> None:
    names = {name for name, _ in scrape(address)}
    labelled_by_events = {"fer_frames_dropped_total", "fer_shadow_faces_total", "fer_shadow_model_info"}
    for spec in SPECS:
        histogram = f"{spec.name}_count"
        assert {spec.name, histogram} & names or spec.name in labelled_by_events, spec.name


def test_frames_that_are_dropped_are_counted_by_reason(
    settings: Settings, white: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch)
    with TestClient(create_app(settings)) as client, session(client) as (socket, _):
        for _ in range(4):
            socket.send_bytes(white)
        socket.receive_json()
        assert gate.reached.wait(10)
        waits = scrape_of(client.get("/metrics").text)
        gate.opened.set()
        assert value(waits, "fer_frames_dropped_total", reason="superseded") >= 1
        assert value(waits, "fer_queue_depth") == 0


def test_what_waits_for_a_worker_is_the_queues_depth(
    settings: Settings, white: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch)
    changed = settings.model_copy(update={"workers": 1})
    with TestClient(create_app(changed)) as client, session(client) as (one, _), session(client) as (other, _):
        one.send_bytes(white)
        assert gate.reached.wait(10)
        other.send_bytes(white)
        depths = (value(scrape_of(client.get("/metrics").text), "fer_queue_depth") for _ in range(1000))
        assert 1.0 in depths
        gate.opened.set()
        assert other.receive_json()["type"] == one.receive_json()["type"] == "result"
        assert value(scrape_of(client.get("/metrics").text), "fer_queue_depth") == 0


def test_a_task_over_its_deadline_counts_its_worker_and_no_image(
    settings: Settings, white: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    trouble(monkeypatch, seconds=30.0)
    hasty = settings.model_copy(update={"workers": 1, "deadline_s": 0.5})
    with TestClient(create_app(hasty)) as client:
        assert client.post(PREDICT, content=white).status_code == 504
        now = scrape_of(client.get("/metrics").text)
    assert value(now, "fer_workers_replaced_total", reason="deadline") == 1
    assert value(now, "fer_workers_replaced_total", reason="died") == 0
    assert value(now, "fer_problems_total", code="deadline_exceeded") == 1
    assert value(now, "fer_images_total", route=PREDICT) == 0


def test_a_fault_of_the_service_is_counted(settings: Settings, white: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    trouble(monkeypatch, error="secret")
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        assert client.post(PREDICT, content=white).status_code == 500
        now = scrape_of(client.get("/metrics").text)
    assert value(now, "fer_problems_total", code="internal") == 1
    assert value(now, "fer_requests_total", method="POST", route=PREDICT, status=500) == 1


def test_two_services_in_one_process_count_for_themselves(settings: Settings) -> None:
    with TestClient(create_app(settings)) as one, TestClient(create_app(settings)) as other:
        one.get("/livez")
        labels = {"method": "GET", "route": "/livez", "status": 200}
        assert value(scrape_of(one.get("/metrics").text), "fer_requests_total", **labels) == 1
        of_other = scrape_of(other.get("/metrics").text)
    assert value(of_other, "fer_requests_total", **labels) == 0
    # The autoscaler of deploy/kubernetes reads the wait for a worker also where no image has come yet.
    for part in ("sum", "count"):
        assert of_other[f"fer_stage_seconds_{part}", frozenset({("route", PREDICT), ("stage", "queue")})] == 0


def test_openmetrics_for_those_who_ask(client: TestClient) -> None:
    answer = client.get("/metrics", headers={"accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")


def test_the_guide_lists_every_metric() -> None:
    assert f"\n\n{markdown_table()}\n" in (ROOT / "docs" / "guides" / "operating.md").read_text()
