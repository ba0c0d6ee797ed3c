"""HTTP as bytes, against the real server: what is refused and how, and what ends a connection."""

import json
import socket
import time
from collections.abc import Iterator

import pytest

from service.settings import Settings
from tests.service.processes import listening
from tests.service.sockets import assert_raw_problem, connect, ends, exchange, head, post, read_answer

PREDICT = "/v1/predict?crop=whole"


@pytest.fixture(scope="module")
def address(settings: Settings) -> Iterator[str]:
    with listening(settings.model_copy(update={"silence_s": 1.0, "max_body_bytes": 3_000_000})) as address:
        yield address


@pytest.mark.parametrize(
    ("request_bytes", "status", "code"),
    [
        (b"nonsense\r\n\r\n", 501, "method_not_known"),
        (head("FETCH / HTTP/1.1"), 501, "method_not_known"),
        (head("CONNECT localhost:80 HTTP/1.1"), 501, "method_not_known"),
        (head("GET / HTTQ/1.1"), 400, "malformed_request"),
        (head("GET /\xff HTTP/1.1"), 400, "malformed_request"),
        (head("PRI * HTTP/2.0"), 400, "malformed_request"),
        (head("GET / HTTP/1.1", "A: b", " folded"), 400, "malformed_request"),
        (head("GET / HTTP/1.1", "no colon"), 400, "malformed_request"),
        (b"GET / HTTP/1.1\r\n\r\n", 400, "malformed_request"),
        (b"GET /v1/stream HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", 400, "malformed_request"),
        (head("GET / HTTP/1.1", "Host: localhost"), 400, "malformed_request"),
        (head("GET / HTTP/1.0", "Host: localhost"), 400, "malformed_request"),
        (post(PREDICT, "Transfer-Encoding: chunked", body=b"0\r\n\r\n"), 400, "malformed_request"),
        (post(PREDICT, "Content-Length: 3", body=b"abc"), 400, "malformed_request"),
        (post(PREDICT, "Content-Length: -3"), 400, "malformed_request"),
        (post(PREDICT, "Transfer-Encoding: identity"), 400, "malformed_request"),
        (post(PREDICT, "Transfer-Encoding: chunked") + b"nonsense\r\n", 400, "malformed_request"),
        (head(f"GET /{'a' * 33_000} HTTP/1.1"), 431, "headers_too_large"),
        (b"GET /" + b"a" * 33_000, 431, "headers_too_large"),
        (head("GET / HTTP/1.1", f"A: {'b' * 33_000}"), 431, "headers_too_large"),
        (b"GET / HTTP/1.1\r\nA: " + b"b" * 2**20, 431, "headers_too_large"),
        (head("GET / HTTP/1.1", *(f"A{n}: b" for n in range(100))), 431, "headers_too_large"),
        (
            post(PREDICT, "Transfer-Encoding: chunked") + b"1\r\na\r\n0\r\nT: " + b"t" * 2**20,
            431,
            "headers_too_large",
        ),
    ],
    ids=lambda value: repr(value[:40]) if isinstance(value, bytes) else str(value),
)
def test_what_cannot_be_parsed_is_a_problem_and_ends_the_connection(
    address: str, request_bytes: bytes, status: int, code: str
) -> None:
    with connect(address) as connection:
        connection.sendall(request_bytes)
        answer = read_answer(connection)
        assert_raw_problem(answer, status, code)
        assert answer[1]["connection"] == "close"
        connection.shutdown(socket.SHUT_WR)
        assert ends(connection) < 2


def test_http_1_0_needs_no_host(address: str) -> None:
    assert exchange(address, b"GET /livez HTTP/1.0\r\n\r\n")[0] == 200


def test_headers_within_the_limits_are_taken(address: str) -> None:
    few_large = head("GET /livez HTTP/1.1", f"A: {'b' * 32_000}")
    many = head("GET /livez HTTP/1.1", *(f"A{n}: b" for n in range(99)))
    for request in (few_large, many):
        assert exchange(address, request)[0] == 200


def test_trailers_do_not_change_the_headers(address: str, white: bytes) -> None:
    chunks = b"%x\r\n%s\r\n0\r\nContent-Type: text/html\r\n\r\n" % (len(white), white)
    assert exchange(address, post(PREDICT, "Transfer-Encoding: chunked") + chunks)[0] == 200


def test_a_malformed_request_behind_another_does_not_touch_its_answer(address: str, white: bytes) -> None:
    with connect(address) as connection:
        connection.sendall(post(PREDICT, body=white) + b"nonsense\r\n\r\n")
        status, _, body = read_answer(connection)
        assert (status, len(json.loads(body)["faces"])) == (200, 1)
        connection.shutdown(socket.SHUT_WR)
        ends(connection)


def test_requests_sent_at_once_are_answered_in_order(address: str) -> None:
    with connect(address) as connection:
        connection.sendall(b"".join(head(f"GET {path} HTTP/1.1") for path in ("/livez", "/nothing", "/readyz")))
        first, second, third = (_next(connection) for _ in range(3))
    assert [first, second, third] == [200, 404, 200]


def _next(connection: socket.socket) -> int:
    """The status of the next answer, read to its end and not further."""
    text = b""
    while not text.endswith(b"\r\n\r\n"):
        text += connection.recv(1)
    size = next(int(line[15:]) for line in text.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    while size:
        size -= len(connection.recv(size))
    return int(text[9:12])


def test_an_upgrade_that_is_not_taken_leaves_the_request_as_it_is(address: str, white: bytes) -> None:
    """curl and Java's client ask for HTTP/2 in this way, with a body."""
    headers = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk")
    status, _, body = exchange(address, post(PREDICT, *headers, body=white))
    assert (status, len(json.loads(body)["faces"])) == (200, 1)


def test_a_connection_serves_request_after_request(address: str, white: bytes) -> None:
    with connect(address) as connection:
        for _ in range(3):
            connection.sendall(post(PREDICT, body=white))
            assert read_answer(connection)[0] == 200


# --- refusals from the headers -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_head", "status", "code"),
    [
        (post("/v1/predict", "Content-Length: 9000000"), 413, "body_too_large"),
        (post("/v1/predict", "Content-Length: 9", "Content-Type: video/mp4"), 415, "unsupported_media_type"),
        (post("/v1/predict", "Content-Length: 9", "Content-Encoding: gzip"), 415, "unsupported_media_type"),
        (post("/v1/predict", "Content-Length: 9", "Content-Type: multipart/mixed"), 415, "unsupported_media_type"),
        (post("/v1/predict", "Content-Length: 9", "Content-Type: multipart/form-data"), 400, "malformed_body"),
        (post("/v1/predict?explain=lime", "Content-Length: 9"), 422, "invalid_option"),
        (post("/v1/predict?target=joy", "Content-Length: 9"), 422, "invalid_option"),
        (post("/v1/predict/video", "Content-Length: 999999999"), 413, "body_too_large"),
        (post("/v1/predict/video", "Content-Length: 9", "Content-Type: image/png"), 415, "unsupported_media_type"),
        (post("/v1/predict/video?fps=x", "Content-Length: 9"), 422, "invalid_option"),
    ],
    ids=lambda value: repr(value[:70]) if isinstance(value, bytes) else str(value),
)
@pytest.mark.parametrize("expect", [True, False])
def test_a_refusal_comes_before_the_body(
    address: str, request_head: bytes, status: int, code: str, expect: bool
) -> None:
    if expect:
        request_head = request_head[:-2] + b"Expect: 100-continue\r\n\r\n"
    with connect(address) as connection:
        connection.sendall(request_head)
        begun = time.monotonic()
        # Not `100 Continue`: read_answer would wait for what follows it, and nothing does before the body.
        assert connection.recv(12, socket.MSG_PEEK).endswith(str(status).encode())
        assert time.monotonic() - begun < 1
        assert_raw_problem(read_answer(connection), status, code)


def test_continue_is_sent_where_the_body_is_wanted(address: str, white: bytes) -> None:
    with connect(address) as connection:
        connection.sendall(post(PREDICT, f"Content-Length: {len(white)}", "Expect: 100-continue"))
        assert connection.recv(2**16) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(white)
        assert read_answer(connection)[0] == 200


@pytest.mark.parametrize("size", [3_000_001, 20_000_000])
def test_a_client_that_sends_all_before_it_reads_gets_the_answer(address: str, size: int) -> None:
    assert_raw_problem(exchange(address, post(PREDICT, body=bytes(size))), 413, "body_too_large")


def test_a_short_rest_of_a_refused_body_is_dropped_and_the_connection_goes_on(address: str, white: bytes) -> None:
    with connect(address) as connection:
        connection.sendall(post("/v1/predict?explain=lime", body=bytes(100_000)))
        assert read_answer(connection)[0] == 422
        connection.sendall(post(PREDICT, body=white))
        assert read_answer(connection)[0] == 200


# --- deadlines ---------------------------------------------------------------------------------


def test_a_silent_connection_is_closed(address: str) -> None:
    with connect(address) as connection:
        assert 0.9 < ends(connection) < 3


def test_headers_that_do_not_end_are_given_up(address: str) -> None:
    with connect(address) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nA: b\r\n")
        time.sleep(0.5)
        connection.sendall(b"C: d\r\n")
        assert_raw_problem(read_answer(connection), 408, "headers_too_slow")


def test_the_headers_of_a_second_request_have_a_deadline_of_their_own(address: str) -> None:
    with connect(address) as connection:
        connection.sendall(head("GET /livez HTTP/1.1"))
        assert read_answer(connection)[0] == 200
        connection.sendall(b"GET / HTTP/1.1\r\n")
        assert_raw_problem(read_answer(connection), 408, "headers_too_slow")


@pytest.mark.parametrize("path", [PREDICT, "/v1/predict/video"])
def test_a_body_that_stops_is_given_up(address: str, path: str) -> None:
    with connect(address) as connection:
        connection.sendall(post(path, "Content-Length: 1000") + b"abc")
        assert_raw_problem(read_answer(connection), 408, "body_too_slow")
        connection.shutdown(socket.SHUT_WR)
        assert ends(connection) < 3
