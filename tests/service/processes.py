"""The service as a process of its own."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from tests.service.conftest import ROOT

SERVICE = ("-m", "service")


def start(
    environment: dict[str, str], without: tuple[str, ...] = (), program: tuple[str, ...] = SERVICE
) -> subprocess.Popen[str]:
    """`python -m service` with this environment, less our settings and `without`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FER_", *without))}
    return subprocess.Popen(
        [sys.executable, *program], cwd=ROOT, env={**kept, **environment}, stderr=subprocess.PIPE, text=True
    )


@contextmanager
def serving(
    model: Path, without: tuple[str, ...] = (), program: tuple[str, ...] = SERVICE, /, **environment: str
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process that is ready, and its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    port = address.split(":")[1]
    process = start({"FER_MODEL": str(model), "HOST": "127.0.0.1", "PORT": port, **environment}, without, program)
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(f"http://{address}/readyz", timeout=1).close()
                break
            except (urllib.error.URLError, ConnectionError):
                assert process.poll() is None, process.stderr and process.stderr.read()
                time.sleep(0.1)
        yield process, address
    finally:
        process.kill()
        process.communicate()


def close_code(stream: ClientConnection) -> int:
    """What the service closes with once all is said."""
    with pytest.raises(ConnectionClosed) as caught:
        stream.recv(timeout=10)
    assert caught.value.rcvd is not None
    return caught.value.rcvd.code
