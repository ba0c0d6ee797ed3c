"""Rates that several services share: a real Redis or Valkey, two services, and what happens when it is down."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.ports import free_port
from tests.service.processes import serving
from tests.service.sockets import connect, exchange, head

LIMITS = head("GET /v1/limits HTTP/1.1")


@contextmanager
def store(port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A server that keeps nothing, at this port."""
    program = shutil.which("valkey-server") or shutil.which("redis-server")
    if program is None:
        pytest.skip("needs valkey-server or redis-server")
    options = ("--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no")
    server = subprocess.Popen([program, *options], stdout=subprocess.DEVNULL)
    try:
        for _ in range(400):
            try:
                connect(f"127.0.0.1:{port}").close()
                break
            except OSError:
                time.sleep(0.05)
        yield server
    finally:
        server.kill()
        server.wait()


def test_two_services_share_a_rate_and_go_on_without_the_store(model_path: Path) -> None:
    """Three requests in ten seconds, wherever they are sent. Without the store nothing is counted; one line says so."""
    port = free_port()
    environment = {"FER_RATE": "0.3", "FER_RATE_STORE": f"valkey://127.0.0.1:{port}"}
    with ExitStack() as stack:
        server = stack.enter_context(store(port))
        (process, first), (_, second) = (stack.enter_context(serving(model_path, **environment)) for _ in range(2))
        statuses = [exchange(each, LIMITS)[0] for each in (first, second, first, second, first)]
        assert statuses == [200, 200, 200, 429, 429]
        server.kill()
        server.wait()
        assert [exchange(each, LIMITS)[0] for each in (first, second, first, first)] == [200] * 4
        stack.enter_context(store(port))
        assert exchange(first, LIMITS)[0] == 200
        assert [exchange(second, LIMITS)[0] for _ in range(4)][-1] == 429, "the store is asked again once it is back"
        process.terminate()
        log = process.log_at_end()
    assert len([line for line in log.splitlines() if "requests are not counted" in line]) == 1
