"""The real process: what it refuses, what it serves, how it stops."""

import json
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.sync.client import connect

from service import request_log
from service.__main__ import main
from service.settings import Settings
from service.workers import worker
from tests.service.conftest import METADATA, brightness_network
from tests.service.processes import close_code, listening, serving, start


def test_it_refuses_in_one_line(tmp_path: Path) -> None:
    """All are started at once: each is a program of its own that loads its libraries first."""
    path = tmp_path / "model.onnx"
    path.write_bytes(brightness_network({key: value for key, value in METADATA.items() if key != "labels"}))
    refusals = [
        ({"FER_MODEL": "/nowhere.onnx"}, "model refused: /nowhere.onnx does not exist"),
        ({"FER_MODEL": str(path)}, f"{path} lacks metadata 'labels'; export it with `make export`"),
        ({"FER_WORKERS": "none"}, "settings refused: FER_WORKERS: "),
        ({"FER_WORKRES": "1"}, "settings refused: FER_WORKRES: no such setting"),
        ({"TMPDIR": str(_too_deep(tmp_path))}, "TMPDIR: no folder for the socket of the workers: "),
    ]
    processes = [start(environment) for environment, _ in refusals]
    for process, (_, expected) in zip(processes, refusals, strict=True):
        error = process.log_at_end()
        process.close_log()
        assert process.returncode == 1
        assert expected in error
        assert len(error.strip().splitlines()) == 1


def _too_deep(folder: Path) -> Path:
    """A folder with so long a name that no socket can be made in it."""
    deep = folder / ("d" * 100)
    deep.mkdir()
    return deep


def test_a_missing_temporary_folder_is_one_line(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.setattr(sys, "argv", ["fer-service"])
    monkeypatch.setattr(worker, "start_fork_server", fail)
    monkeypatch.setattr(request_log, "configure", lambda _: None)
    assert main() == 1
    (line,) = caplog.messages
    assert line == "TMPDIR: no folder for the socket of the workers: No usable temporary directory found"


def test_it_serves_logs_and_writes_little_and_stops_in_time(
    model_path: Path, white: bytes, tmp_path: Path, temporary: Path
) -> None:
    """Nothing of an image is logged, and home and temporary folder stay empty: no picture, no usage report."""
    home = tmp_path / "home"
    home.mkdir()
    unset = ("ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME")
    with serving(model_path, unset, HOME=str(home), TMPDIR=str(temporary)) as (process, address):
        request = urllib.request.Request(f"http://{address}/v1/predict?crop=whole&explain=gradcam", data=white)
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
            (face,) = json.load(response)["faces"]
        assert face["emotion"] == "bright"
        with connect(f"ws://{address}/v1/stream", subprotocols=["fer.v1"]) as stream:  # type: ignore[list-item]
            stream.recv()
            stream.send(white)
            assert json.loads(stream.recv())["type"] == "result"
            asked = time.monotonic()
            process.send_signal(signal.SIGTERM)
            assert json.loads(stream.recv(timeout=10))["type"] == "session.closed"
            assert close_code(stream) == 1001
        log = process.log_at_end()
        # `docker stop` kills what has not ended after 10 s.
        assert time.monotonic() - asked < 10
    assert process.returncode is not None
    assert "/v1/predict" in log
    assert face["explanations"][0]["data"][:40] not in log
    assert "bright" not in log.replace("brightness.onnx", "")
    assert list(home.rglob("*")) == []
    assert list(temporary.rglob("*")) == []


def test_a_session_is_told_of_the_stop_by_a_service_that_got_no_time_to_run(model_path: Path) -> None:
    with serving(model_path) as (process, address):
        with connect(f"ws://{address}/v1/stream") as stream:
            stream.recv()
            # The signal and uvicorn's next look at it come at the same time, as on a machine that is busy.
            process.send_signal(signal.SIGSTOP)
            process.send_signal(signal.SIGTERM)
            time.sleep(0.3)
            process.send_signal(signal.SIGCONT)
            assert json.loads(stream.recv(timeout=30))["type"] == "session.closed"
            assert close_code(stream) == 1001
        assert process.wait(30) == 0


@pytest.fixture(scope="module")
def strict(settings: Settings) -> Iterator[str]:
    """The address of a service that takes small frames and fast bodies only."""
    with listening(settings.model_copy(update={"max_frame_bytes": 2000, "body_timeout_s": 0.3})) as address:
        yield address


def test_a_frame_that_is_too_large_is_closed_with_a_message(strict: str) -> None:
    with connect(f"ws://{strict}/v1/stream") as stream:
        stream.recv()
        stream.send(bytes(3000))
        assert json.loads(stream.recv(timeout=10))["type"] == "session.closed"
        assert close_code(stream) == 1009


def test_a_frame_that_is_larger_still_is_stopped_at_the_socket(strict: str) -> None:
    with connect(f"ws://{strict}/v1/stream") as stream:
        stream.recv()
        stream.send(bytes(5000))
        assert close_code(stream) == 1009


def test_a_slow_body_is_given_up(strict: str) -> None:
    host, port = strict.split(":")
    with socket.create_connection((host, int(port)), timeout=10) as slow:
        slow.sendall(f"POST /v1/predict HTTP/1.1\r\nHost: {strict}\r\nContent-Length: 100\r\n\r\nabc".encode())
        answer = "".join(iter(lambda: slow.recv(65536).decode(), ""))
    assert answer.startswith("HTTP/1.1 408")
    assert '"code":"body_too_slow"' in answer
