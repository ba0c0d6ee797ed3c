"""Nothing is left of a connection that has ended, also before Python looks for objects that refer to each other."""

import gc
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from service.connections.exchange import Exchange
from service.connections.http import HttpConnection
from service.connections.websocket import WebSocketConnection
from service.routes.file_form import FileForm
from service.routes.multipart import _Form
from service.settings import Settings
from tests.service.batches import BOUNDARY, form
from tests.service.processes import listening
from tests.service.sockets import connect, exchange, post
from tests.service.websockets import BINARY, TEXT, close_code, frame, opened, read_frame

LINES = "Accept: application/x-ndjson"
KINDS = (HttpConnection, WebSocketConnection, FileForm, _Form)


@contextmanager
def no_collection() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def remains() -> Counter[str]:
    return Counter(type(each).__name__ for each in gc.get_objects() if isinstance(each, KINDS))


def until_nothing_remains() -> None:
    until = time.monotonic() + 20
    while found := remains():
        assert time.monotonic() < until, found
        time.sleep(0.05)


def test_nothing_is_left_of_connections_that_have_ended(settings: Settings, white: bytes, body: bytes) -> None:
    """Their bodies would stay, though the memory that was reserved for them is given back."""
    multipart, files = f"Content-Type: multipart/form-data; boundary={BOUNDARY}", form([white])
    with listening(settings) as address, no_collection():
        for request, status in (
            (post("/v1/predict?crop=whole", body=white), 200),
            (post("/v1/predict?crop=whole", multipart, body=files), 200),
            (post("/v1/predict?crop=half", body=white), 422),
            (post("/v1/predict/batch", multipart, body=files), 200),
            (post("/v1/predict/video", body=body), 200),
        ):
            assert exchange(address, request)[0] == status
        for path in ("/v1/predict", "/v1/predict/batch", "/v1/predict/video"):
            with connect(address) as leaves:
                leaves.sendall(post(path, multipart, body=files)[:-20])
        with connect(address) as leaves:
            leaves.sendall(post("/v1/predict/batch", multipart, LINES, body=form([white, white]))[:-20])
            # The service has sent an entry, and waits for the next.
            answer = b""
            while b'"index":0' not in answer:
                answer += leaves.recv(2**16)
        with connect(address) as leaves:
            # Three requests at once.
            leaves.sendall(3 * post("/v1/predict?crop=whole", body=white))
        with opened(address) as stream:
            read_frame(stream)
            stream.sendall(frame(BINARY, white) + frame(BINARY, white)[:-1])
            assert read_frame(stream)[0] == TEXT
        with opened(address) as stream:
            stream.sendall(frame(TEXT, b"\xff"))
            assert close_code(stream) == 1007
        until_nothing_remains()


def test_an_exchange_that_is_held_longer_does_not_hold_its_connection(settings: Settings, white: bytes) -> None:
    """anyio keeps what ended a streamed answer early, and with it the exchange, until Python looks for circles."""
    held: list[Exchange] = []
    with listening(settings) as address, no_collection():
        with connect(address) as leaves:
            leaves.sendall(post("/v1/predict?crop=whole", body=white)[:-20])
            while not held:
                held = [each for each in gc.get_objects() if isinstance(each, Exchange)]
        until_nothing_remains()
