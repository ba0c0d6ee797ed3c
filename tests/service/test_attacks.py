"""One client takes all that it can get, and another is served all the same. The real process, and real addresses."""

import http.client
import json
import socket
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from websockets.sync.client import ClientConnection, connect

from tests.service.conftest import encoded
from tests.service.processes import close_code, serving

# All of 127.0.0.0/8 is this machine on Linux.
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs several addresses of this machine")
ATTACKER, BYSTANDER, PROXY = "127.0.0.1", "127.0.0.2", "127.0.0.9"
WHOLE = "/v1/predict?crop=whole"


@pytest.fixture(scope="module")
def address(model_path: Path) -> Iterator[str]:
    with serving(model_path, FER_WORKERS="2", FER_DEADLINE_S="300") as (_, address):
        yield address


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


def test_slow_requests_leave_the_queue_for_others(address: str, white: bytes) -> None:
    """34 are as many as two workers and their queue hold; each takes a good part of a second."""
    slow = encoded(np.full((4000, 6000), 255))
    with ThreadPoolExecutor(40) as pool:
        attack = [pool.submit(post, address, ATTACKER, "/v1/predict", slow) for _ in range(34)]
        # Those that are refused are refused at once.
        time.sleep(1)
        answered_meanwhile = []
        while not all(each.done() for each in attack):
            before = sum(each.done() for each in attack)
            status, text = post(address, BYSTANDER, WHOLE, white)
            assert status == 200, text
            answered_meanwhile.append(sum(each.done() for each in attack) - before)
    statuses = [each.result()[0] for each in attack]
    assert set(statuses) <= {200, 503, 504}
    assert answered_meanwhile, "the attack was over before the bystander had asked"
    # In the order of arrival it would have waited for nearly all of them. One before it and one beside it are in order;
    # the rest is for threads that are told late.
    assert max(answered_meanwhile) <= 5


def test_only_a_listed_proxy_says_who_asks(model_path: Path, white: bytes) -> None:
    with serving(model_path, FER_WORKERS="1", FER_RATE="0.2", FER_PROXIES=PROXY) as (_, address):

        def status(source: str, forwarded: str) -> int:
            return post(address, source, WHOLE, white, X_Forwarded_For=forwarded)[0]

        assert [status(ATTACKER, f"192.0.2.{number}") for number in range(3)] == [200, 200, 429]
        assert [status(PROXY, "192.0.2.1") for _ in range(3)] == [200, 200, 429]
        assert status(PROXY, "192.0.2.2") == 200
        # What a client invents stands before what the proxy adds.
        assert status(PROXY, "192.0.2.77, 192.0.2.1") == 429
