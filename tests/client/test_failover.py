"""A replica is killed under a stream: the client opens it again at the other one, soon enough."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path

import pytest

from fer_client import AsyncClient, Client, FrameRefused, StreamResult
from fer_client.errors import FerError
from fer_client.retries import RetryBudget
from tests.service.conftest import METADATA, brightness_network
from tests.service.processes import serving

# The longest gap that deploy/ promises.
MOST_GAP_S = 2.0
LOADED_S = 120.0


@contextmanager
def balancer(replicas: Sequence[str]) -> Iterator[str]:
    """The URL of a proxy that hands each connection to the first replica that takes it."""

    def pump(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while chunk := source.recv(2**16):
                target.sendall(chunk)
        for each in (source, target):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def serve(client: socket.socket) -> None:
        with client:
            for address in replicas:
                host, port = address.split(":")
                with suppress(ConnectionRefusedError), socket.create_connection((host, int(port))) as replica:
                    back = threading.Thread(target=pump, args=(replica, client))
                    back.start()
                    pump(client, replica)
                    back.join()
                    return

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=listener.accept()[:1], daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


class Watch(threading.Thread):
    """A stream that sends one picture again and again until the second replica has answered it, or for too long."""

    def __init__(self, url: str, picture: bytes, *, with_asyncio: bool) -> None:
        super().__init__()
        self._url, self._picture, self._with_asyncio = url, picture, with_asyncio
        self.versions: list[str] = []
        self.failure: BaseException | None = None
        self.begun, self.over = threading.Event(), threading.Event()

    def run(self) -> None:
        try:
            if self._with_asyncio:
                asyncio.run(self._watch_async())
            else:
                with Client(self._url) as client:
                    for answer in client.stream(self._frames()):
                        self._note(answer)
        except (FerError, AssertionError) as error:
            self.failure = error
        self.begun.set()
        self.over.set()

    async def _watch_async(self) -> None:
        async def frames() -> AsyncIterator[bytes]:
            while not self.over.is_set():
                yield self._picture
                await asyncio.sleep(0.05)

        async with AsyncClient(self._url) as client:
            async for answer in client.stream(frames()):
                self._note(answer)

    def _frames(self) -> Iterator[bytes]:
        while not self.over.wait(0.05):
            yield self._picture

    def _note(self, answer: StreamResult | FrameRefused) -> None:
        assert isinstance(answer, StreamResult)
        self.versions.append(answer.model.version)
        self.begun.set()
        if answer.model.version == "second":
            self.over.set()


def model(folder: Path, version: str) -> Path:
    path = folder / f"{version}.onnx"
    path.write_bytes(brightness_network({**METADATA, "version": version}))
    return path


def test_a_stream_goes_on_at_the_other_replica_within_2_s(
    tmp_path: Path, white: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the client's own schedule: how long connections take on a busy machine is not its doing."""
    waits_s: dict[int | None, list[float]] = {}
    waiting = RetryBudget.wait_s

    def wait_s(budget: RetryBudget, error: FerError) -> float | None:
        seconds = waiting(budget, error)
        assert seconds is not None, "it gives up"
        waits_s.setdefault(threading.get_ident(), []).append(seconds)
        return seconds

    monkeypatch.setattr(RetryBudget, "wait_s", wait_s)
    with (
        serving(model(tmp_path, "first")) as (first, first_address),
        serving(model(tmp_path, "second")) as (_, second_address),
        balancer([first_address, second_address]) as url,
    ):
        watches = [Watch(url, white.read_bytes(), with_asyncio=each) for each in (False, True)]
        for watch in watches:
            watch.start()
        try:
            for watch in watches:
                assert watch.begun.wait(LOADED_S)
            first.kill()
            for watch in watches:
                watch.over.wait(LOADED_S)
        finally:
            for watch in watches:
                watch.over.set()
                watch.join()
    for watch in watches:
        assert watch.failure is None, watch.failure
        assert watch.versions[-1] == "second"
        # One session at each replica.
        assert [later for earlier, later in pairwise(watch.versions) if later != earlier] == ["second"]
        assert 0 < sum(waits_s[watch.ident]) < MOST_GAP_S
