"""The service behind a real socket: as a process of its own, or in a thread."""

import os
import signal
import subprocess
import sys
import tempfile
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
from tests.ports import free_port
from tests.service.conftest import ROOT

SERVICE = ("-m", "service")
# Several services may start at once, on cores that others use as well.
READY_WITHIN_S = 120


class Process(subprocess.Popen[bytes]):
    """A program. Its log goes into a nameless file: a pipe that nobody reads would stop it when full."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - `close_log` closes it
        super().__init__(command, cwd=ROOT, env=environment, stderr=self._log)

    def log(self) -> str:
        """What it has said so far."""
        # The process writes at the file's position, which is not to be moved.
        return os.pread(self._log.fileno(), os.fstat(self._log.fileno()).st_size, 0).decode()

    def log_at_end(self, timeout_s: float = 90) -> str:
        """Wait for its end; all that it has said."""
        self.wait(timeout_s)
        return self.log()

    def close_log(self) -> None:
        self._log.close()


def start(
    environment: dict[str, str],
    without: tuple[str, ...] = (),
    program: tuple[str, ...] = SERVICE,
    under: tuple[str, ...] = (),
) -> Process:
    """`python -m service` with this environment, less our settings and `without`; `under` a program that runs it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FER_", *without))}
    return Process([*under, sys.executable, *program], {**kept, **environment})


@contextmanager
def serving(
    model: Path,
    without: tuple[str, ...] = (),
    program: tuple[str, ...] = SERVICE,
    under: tuple[str, ...] = (),
    /,
    **environment: str,
) -> Iterator[tuple[Process, str]]:
    """A process that is ready, and its address."""
    process, address = _started(model, without, program, under, environment)
    while process.poll() is not None and "address already in use" in process.log():
        # Another program has taken the port since it was free.
        process.close_log()
        process, address = _started(model, without, program, under, environment)
    try:
        assert process.poll() is None, process.log()
        yield process, address
    finally:
        process.kill()
        process.wait()
        process.close_log()


def _started(
    model: Path,
    without: tuple[str, ...],
    program: tuple[str, ...],
    under: tuple[str, ...],
    environment: dict[str, str],
) -> tuple[Process, str]:
    """A process that is ready, or has ended."""
    port = str(free_port())
    address = f"127.0.0.1:{port}"
    # One worker, where a test does not ask for more: each loads its models, which is most of a start.
    here = {"FER_MODEL": str(model), "HOST": "127.0.0.1", "PORT": port, "FER_WORKERS": "1"}
    process = start({**here, **environment}, without, program, under)
    until = time.monotonic() + READY_WITHIN_S
    while process.poll() is None and not _is_ready(address):
        if time.monotonic() > until:
            process.kill()
            pytest.fail(f"not ready within {READY_WITHIN_S} s")
        time.sleep(0.05)
    return process, address


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
