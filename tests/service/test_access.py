"""Which requests are answered at all: of a name that is ours, and not from a foreign web page."""

import json
import logging
import socket
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from starlette.testclient import WebSocketDenialResponse

from service.access import known_names, listens_to_itself
from service.settings import Settings
from tests.service.answers import assert_problem
from tests.service.streams import limited, session

PREDICT = "/v1/predict?crop=whole"


def post(client: TestClient, white: bytes, **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post(PREDICT, content=white, headers=named)


@pytest.mark.parametrize(
    "host", ["localhost:8000", "LOCALHOST", "127.0.0.1", "[::1]:8000", "192.0.2.7:8000", "fer.example", "a.b.example:1"]
)
def test_known_names(settings: Settings, host: str) -> None:
    with limited(settings, hosts=("fer.example", "*.b.example")) as client:
        assert client.get("/v1/limits", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("host", ["rebound.example", "localhost.example", "fer.example@localhost", "", "a b"])
def test_a_rebound_name_opens_nothing(client: TestClient, host: str) -> None:
    for path in ("/", "/v1/limits", "/static/main.js", "/openapi.json"):
        document = assert_problem(client.get(path, headers={"host": host}), 403, "forbidden_host")
        assert "FER_HOSTS" in document["detail"]
    with pytest.raises(WebSocketDenialResponse) as caught, session(client, headers={"host": host}):
        pass
    assert json.loads(caught.value.content)["code"] == "forbidden_host"


def test_a_rebound_name_does_not_pass_a_proxy_either(client: TestClient) -> None:
    headers = {"host": "127.0.0.1:8000", "x-forwarded-host": "rebound.example"}
    assert_problem(client.get("/v1/limits", headers=headers), 403, "forbidden_host")


def test_load_balancers_ask_for_probes_by_any_name(client: TestClient) -> None:
    for path in ("/livez", "/readyz"):
        assert client.get(path, headers={"host": "10-1-2-3.pool.example"}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        # What a page may send without being asked first.
        {"origin": "https://evil.example", "content_type": "text/plain"},
        {"origin": "http://testserver:81"},
        {"origin": "http://testserver@evil.example"},
        {"sec_fetch_site": "cross-site"},
        {"origin": "http://testserver", "sec_fetch_site": "cross-site"},
        # A page that is served under the name itself, as after DNS rebinding through a proxy that changes `Host`.
        {"origin": "http://rebound.example", "sec_fetch_site": "same-origin"},
    ],
)
def test_a_foreign_page_cannot_use_the_service(client: TestClient, white: bytes, headers: dict[str, str]) -> None:
    assert_problem(post(client, white, **headers), 403, "forbidden_origin")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "http://testserver"},
        {"origin": "http://testserver:80", "sec_fetch_site": "same-origin"},
        {"origin": "https://testserver", "host": "testserver:443"},
        {"origin": "https://app.example", "sec_fetch_site": "cross-site"},
        {"origin": "http://127.0.0.1:8321", "host": "127.0.0.1", "x_forwarded_host": "127.0.0.1:8321"},
        {"origin": "http://127.0.0.1:8321", "host": "127.0.0.1", "sec_fetch_site": "same-origin"},
        {"sec_fetch_site": "none"},
    ],
)
def test_our_own_page_and_listed_ones_can(settings: Settings, white: bytes, headers: dict[str, str]) -> None:
    with limited(settings, allowed_origins=("https://app.example",)) as client:
        assert post(client, white, **headers).status_code == 200


def test_the_page_is_told_why_its_handshake_was_refused(client: TestClient) -> None:
    """Chromium sends no `Sec-Fetch-Site` with a handshake. The page's request, which has it, meets the same refusal."""
    headers = {"origin": "http://127.0.0.1:8322", "host": "127.0.0.1"}
    with pytest.raises(WebSocketDenialResponse) as refused, client.websocket_connect("/v1/stream", headers=headers):
        pass
    answer = client.post("/v1/stream", headers={**headers, "sec-fetch-site": "same-origin"})
    assert_problem(answer, 403, "forbidden_origin")
    assert answer.json()["detail"] == refused.value.json()["detail"]


def test_what_only_reads_is_answered(client: TestClient) -> None:
    headers = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    answer = client.get("/v1/limits", headers=headers)
    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers


def test_the_cause_is_said_once_in_the_log(client: TestClient, white: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """A proxy that passes `Host` without its port: what to change stands in answer and log."""
    caplog.set_level(logging.WARNING, "service.access")
    for _ in range(3):
        answer = post(client, white, origin="http://127.0.0.1:8321", host="127.0.0.1")
    detail = assert_problem(answer, 403, "forbidden_origin")["detail"]
    assert "'http://127.0.0.1:8321'" in detail
    assert "proxy_set_header Host $http_host" in detail
    assert "FER_ALLOWED_ORIGINS" in detail
    assert [record.getMessage() for record in caplog.records] == [f"refused: {detail}"]


def test_the_log_cannot_be_filled_nor_given_lines(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    for number in range(150):
        client.get("/v1/limits", headers={"host": f"{number}.example" + "x" * 1000})
    lines = [record.getMessage() for record in caplog.records if record.name == "service.access"]
    assert len(lines) <= 100
    assert max(map(len, lines)) < 300
    detail = client.get("/v1/limits", headers={b"host": b"a\x85b"}).json()["detail"]
    assert detail.startswith("This service is not known as 'a\\xc2\\x85b'.")


@pytest.mark.parametrize(
    ("values", "known", "itself"),
    [
        ({}, set(), True),
        ({"host": "localhost"}, {"localhost"}, True),
        ({"host": "Fer.Example", "hosts": ("b.example",)}, {"fer.example", "b.example", socket.gethostname()}, False),
        ({"host": "::"}, {socket.gethostname()}, False),
    ],
)
def test_names_that_settings_give(values: dict[str, Any], known: set[str], itself: bool) -> None:
    settings = Settings(**{"hosts": (), **values})
    assert known <= set(known_names(settings))
    assert listens_to_itself(settings.host) is itself
    assert (socket.gethostname() in known_names(settings)) is not itself


def test_preflights_of_listed_origins_are_answered(settings: Settings) -> None:
    asked = {"origin": "https://app.example", "access-control-request-method": "POST"}
    with limited(settings, allowed_origins=("https://app.example",)) as client:
        answer = client.options("/v1/predict", headers=asked)
    assert answer.headers["access-control-allow-origin"] == "https://app.example"
