"""The real process: what it refuses, what it serves, how it stops."""

import json
import signal
import socket
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from websockets.sync.client import connect

from tests.service.conftest import METADATA, brightness_network
from tests.service.processes import close_code, serving, start


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"FER_MODEL": "/nowhere.onnx"}, "model refused: /nowhere.onnx does not exist"),
        ({"FER_THREADS": "none"}, "settings refused: FER_THREADS: "),
        ({"FER_TREADS": "1"}, "settings refused: FER_TREADS: no such setting"),
    ],
)
def test_it_refuses_in_one_line(environment: dict[str, str], said: str) -> None:
    process = start(environment)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 1
    assert said in error
    assert len(error.strip().splitlines()) == 1


def test_a_model_without_labels_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(brightness_network({key: value for key, value in METADATA.items() if key != "labels"}))
    process = start({"FER_MODEL": str(path)})
    _, error = process.communicate(timeout=60)
    assert process.returncode == 1
    assert f"{path} lacks metadata 'labels'; export it with `make export`" in error


def test_it_serves_and_stops_politely(model_path: Path, white: bytes) -> None:
    with serving(model_path) as (process, address):
        request = urllib.request.Request(f"http://{address}/v1/predict?crop=whole", data=white)
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
            assert json.load(response)["faces"][0]["emotion"] == "bright"
        with connect(f"ws://{address}/v1/stream", subprotocols=["fer.v1"]) as stream:  # type: ignore[list-item]
            stream.recv()
            stream.send(white)
            assert json.loads(stream.recv())["type"] == "result"
            asked = time.monotonic()
            process.send_signal(signal.SIGTERM)
            assert json.loads(stream.recv(timeout=10))["type"] == "session.closed"
            assert close_code(stream) == 1001
        assert process.wait(timeout=10) is not None
        assert time.monotonic() - asked < 5


def test_a_large_frame_is_stopped_at_the_socket(model_path: Path) -> None:
    with (
        serving(model_path, FER_MAX_FRAME_BYTES="2000") as (_, address),
        connect(f"ws://{address}/v1/stream") as stream,
    ):
        stream.recv()
        stream.send(bytes(3000))
        assert json.loads(stream.recv(timeout=10))["type"] == "session.closed"
        assert close_code(stream) == 1009
    with (
        serving(model_path, FER_MAX_FRAME_BYTES="2000") as (_, address),
        connect(f"ws://{address}/v1/stream") as stream,
    ):
        stream.recv()
        stream.send(bytes(5000))
        assert close_code(stream) == 1009


def test_a_slow_body_is_given_up(model_path: Path) -> None:
    with serving(model_path, FER_BODY_TIMEOUT_S="0.3") as (_, address):
        host, port = address.split(":")
        with socket.create_connection((host, int(port)), timeout=10) as slow:
            slow.sendall(f"POST /v1/predict HTTP/1.1\r\nHost: {address}\r\nContent-Length: 100\r\n\r\nabc".encode())
            answer = "".join(iter(lambda: slow.recv(65536).decode(), ""))
    assert answer.startswith("HTTP/1.1 408")
    assert '"code":"body_too_slow"' in answer


def test_nothing_but_ids_sizes_and_times_is_logged(model_path: Path, white: bytes) -> None:
    with serving(model_path) as (process, address):
        request = urllib.request.Request(f"http://{address}/v1/predict?crop=whole&explain=gradcam", data=white)
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
            data = json.load(response)["faces"][0]["explanations"][0]["data"]
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=10)
    assert "/v1/predict" in log
    assert data[:40] not in log
    assert "bright" not in log.replace("brightness.onnx", "")


def test_nothing_is_written_outside_its_log(model_path: Path, white: bytes, tmp_path: Path) -> None:
    """No picture and no usage report: home and temporary folder stay empty while it serves."""
    home, temporary = tmp_path / "home", tmp_path / "tmp"
    home.mkdir()
    temporary.mkdir()
    unset = ("ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME")
    with serving(model_path, unset, HOME=str(home), TMPDIR=str(temporary)) as (_, address):
        request = urllib.request.Request(f"http://{address}/v1/predict?crop=whole", data=white)
        urllib.request.urlopen(request, timeout=10).close()  # noqa: S310
        assert list(home.rglob("*")) == []
        assert list(temporary.rglob("*")) == []
