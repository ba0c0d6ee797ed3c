"""The service behind a real socket: as a process of its own, or in a thread."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from service.app import create_app
from service.server import server_for
from service.settings import Settings
from tests.service.conftest import ROOT

SERVICE = ("-m", "service")
# Several services may start at once, on cores that others use as well.
READY_WITHIN_S = 120


def start(
    environment: dict[str, str],
    without: tuple[str, ...] = (),
    program: tuple[str, ...] = SERVICE,
    under: tuple[str, ...] = (),
) -> subprocess.Popen[str]:
    """`python -m service` with this environment, less our settings and `without`; `under` a program that runs it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FER_", *without))}
    return subprocess.Popen(
        [*under, sys.executable, *program], cwd=ROOT, env={**kept, **environment}, stderr=subprocess.PIPE, text=True
    )


def free_port() -> int:
    """Free at this moment."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


@contextmanager
def serving(
    model: Path,
    without: tuple[str, ...] = (),
    program: tuple[str, ...] = SERVICE,
    under: tuple[str, ...] = (),
    /,
    **environment: str,
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process that is ready, and its address."""
    port = str(free_port())
    address = f"127.0.0.1:{port}"
    # One worker, where a test does not ask for more: each loads its models, which is most of a start.
    here = {"FER_MODEL": str(model), "HOST": "127.0.0.1", "PORT": port, "FER_WORKERS": "1"}
    process = start({**here, **environment}, without, program, under)
    try:
        until = time.monotonic() + READY_WITHIN_S
        while not _is_ready(address):
            assert process.poll() is None, process.stderr and process.stderr.read()
            assert time.monotonic() < until, f"not ready within {READY_WITHIN_S} s"
            time.sleep(0.05)
        yield process, address
    finally:
        process.kill()
        process.communicate()


@contextmanager
def listening(settings: Settings) -> Iterator[str]:
    """The same server in a thread of this process, where its coverage is measured: its address."""
    app = create_app(settings)
    server = server_for(settings.model_copy(update={"host": "127.0.0.1", "port": 0}), app, app)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the service did not start"
            time.sleep(0.01)
        host, port = server.servers[0].sockets[0].getsockname()
        yield f"{host}:{port}"
    finally:
        server.handle_exit(signal.SIGTERM, None)
        thread.join(30)
        assert not thread.is_alive(), "the service did not stop"


def _is_ready(address: str) -> bool:
    """False also for an answer that takes long, which raises TimeoutError."""
    try:
        urllib.request.urlopen(f"http://{address}/readyz", timeout=5).close()
    except OSError:
        return False
    return True


def close_code(stream: ClientConnection) -> int:
    """What the service closes with once all is said."""
    with pytest.raises(ConnectionClosed) as caught:
        stream.recv(timeout=10)
    assert caught.value.rcvd is not None
    return caught.value.rcvd.code
