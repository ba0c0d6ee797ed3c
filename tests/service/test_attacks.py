"""One client takes all that it can get, and another is served all the same. The real process, and real addresses."""

import http.client
import json
import socket
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from websockets.sync.client import ClientConnection, connect

from tests.service.conftest import encoded
from tests.service.processes import Process, close_code, serving
from tests.service.scrapes import scrape, value

# All of 127.0.0.0/8 is this machine on Linux.
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs several addresses of this machine")
ATTACKER, BYSTANDER, PROXY = "127.0.0.1", "127.0.0.2", "127.0.0.9"
WHOLE = "/v1/predict?crop=whole"


@pytest.fixture(scope="module")
def service(model_path: Path) -> Iterator[tuple[Process, str]]:
    with serving(model_path, FER_WORKERS="2", FER_QUEUE="14", FER_DEADLINE_S="300") as running:
        yield running


@pytest.fixture(scope="module")
def address(service: tuple[Process, str]) -> str:
    return service[1]


def connected(address: str, source: str) -> socket.socket:
    host, port = address.split(":")
    return socket.create_connection((host, int(port)), timeout=60, source_address=(source, 0))


def session(address: str, source: str) -> ClientConnection:
    return connect(f"ws://{address}/v1/stream", sock=connected(address, source), open_timeout=60)


def post(address: str, source: str, path: str, body: bytes, **headers: str) -> tuple[int, bytes]:
    host, port = address.split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=60, source_address=(source, 0))
    try:
        connection.request("POST", path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_silent_sockets_leave_streams_for_others(address: str) -> None:
    with ExitStack() as held:
        opened = [held.enter_context(session(address, ATTACKER)) for _ in range(16)]
        assert [close_code(each) for each in opened[12:]] == [1013] * 4
        for each in opened[:12]:
            assert json.loads(each.recv(timeout=60))["type"] == "session.created"
        for _ in range(3):
            other = held.enter_context(session(address, BYSTANDER))
            assert json.loads(other.recv(timeout=60))["type"] == "session.created"


def test_uploads_without_a_body_leave_a_place_for_a_video(address: str, body: bytes) -> None:
    head = f"POST /v1/predict/video HTTP/1.1\r\nHost: {address}\r\nContent-Length: 100000\r\n\r\n"
    with ExitStack() as held:
        uploads = [held.enter_context(connected(address, ATTACKER)) for _ in range(3)]
        for upload in uploads:
            upload.sendall(head.encode())
        for upload in uploads[1:]:
            assert upload.recv(100).startswith(b"HTTP/1.1 503")
        status, text = post(address, BYSTANDER, "/v1/predict/video", body)
        assert status == 200, text
        assert json.loads(text.splitlines()[-1])["type"] == "summary"


def test_slow_requests_leave_the_queue_for_others(service: tuple[Process, str], white: bytes) -> None:
    """16 are as many as two workers and their queue hold; each takes a good part of a second.

    The service's own log says what it did when: threads of a busy machine are told late.
    """
    process, address = service
    slow = encoded(np.full((4000, 6000), 255))
    with ThreadPoolExecutor(16) as pool:
        attack = [pool.submit(post, address, ATTACKER, "/v1/predict", slow) for _ in range(16)]
        until(lambda: value(scrape(address), "fer_queue_depth") == 10, "the queue of the attack")
        asked = 0
        while not all(each.done() for each in attack):
            status, text = post(address, BYSTANDER, WHOLE, white)
            assert status == 200, text
            asked += 1
    assert {each.result()[0] for each in attack} <= {200, 503, 504}
    until(lambda: len(answers(process, len(white))) == asked, "the log of the last answer")
    ends = [end for _, end in answers(process, len(slow))]
    between = [sum(begin < end < at for end in ends) for begin, at in answers(process, len(white))]
    # In the order of arrival it would have waited for nearly all of them. One before it and one beside it are in order,
    # and a few more where its worker gets no time to run.
    assert max(between) <= 5


def answers(process: Process, bytes_in: int) -> list[tuple[float, float]]:
    """When the images of this size that were analysed came, and when they had been answered."""
    lines = [json.loads(line) for line in process.log().splitlines() if line.endswith("}")]
    found = [line for line in lines if line.get("bytes_in") == bytes_in and line.get("images")]
    ends = [datetime.fromisoformat(line["time"]).timestamp() for line in found]
    return [(end - line["duration_ms"] / 1000, end) for line, end in zip(found, ends, strict=True)]


def until(holds: Callable[[], bool], what: str) -> None:
    give_up = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < give_up, f"{what} did not come"
        time.sleep(0.02)


def test_only_a_listed_proxy_says_who_asks(model_path: Path, white: bytes) -> None:
    with serving(model_path, FER_WORKERS="1", FER_RATE="0.2", FER_PROXIES=PROXY) as (_, address):

        def status(source: str, forwarded: str) -> int:
            return post(address, source, WHOLE, white, X_Forwarded_For=forwarded)[0]

        assert [status(ATTACKER, f"192.0.2.{number}") for number in range(3)] == [200, 200, 429]
        assert [status(PROXY, "192.0.2.1") for _ in range(3)] == [200, 200, 429]
        assert status(PROXY, "192.0.2.2") == 200
        # What a client invents stands before what the proxy adds.
        assert status(PROXY, "192.0.2.77, 192.0.2.1") == 429
