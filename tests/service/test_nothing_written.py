"""No file is written while images, batches, videos and streams flow: every system call that could is looked at."""

import json
import re
import shutil
import signal
import subprocess
import urllib.request
from pathlib import Path

import pytest
from websockets.sync.client import connect

from tests.service.batches import BOUNDARY, form
from tests.service.processes import serving

CALLS = "openat,open,creat,mkdir,mkdirat,rename,renameat,renameat2,link,linkat,symlink,symlinkat,mknod,mknodat,truncate"
WRITING = re.compile(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_APPEND|O_TMPFILE")
# A worker says once that the system may end it first where memory runs out.
OWN = ("/dev/null", "/proc/self/oom_score_adj", "/proc/self/task/")


@pytest.fixture
def tracer() -> tuple[str, ...]:
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("needs strace")
    if subprocess.run([strace, "-o", "/dev/null", "true"], capture_output=True, check=False).returncode:
        pytest.skip("strace may trace no process here")
    # -D: the tracer is the child, so that signals reach the service.
    return (
        strace,
        "-D",
        "-f",
        "-qqq",
        "-e",
        "signal=none",
        "--seccomp-bpf",
        "-s",
        "300",
        "-e",
        f"trace={CALLS}",
        "-e",
        "status=successful",
    )


def written(lines: list[str]) -> list[str]:
    """Calls that have opened something for writing, or changed a folder, but for our own."""
    found = [line for line in lines if not re.search(r" open(at)?\(", line) or WRITING.search(line)]
    return [line for line in found if not any(f'"{path}' in line for path in OWN)]


def ask(address: str, path: str, body: bytes, kind: str = "application/octet-stream") -> bytes:
    request = urllib.request.Request(f"http://{address}/v1/predict{path}", data=body, headers={"Content-Type": kind})
    with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310
        content: bytes = response.read()
    return content


def test_nothing_is_written_while_everything_flows(
    model_path: Path, photo: bytes, body: bytes, tmp_path: Path, temporary: Path, tracer: tuple[str, ...]
) -> None:
    log = tmp_path / "calls"
    environment = {"TMPDIR": str(temporary), "HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    with serving(model_path, (), ("-m", "service"), (*tracer, "-o", str(log)), **environment) as (process, address):
        started = len(log.read_text().splitlines())
        ask(address, "?explain=gradcam&heatmap=overlay&target=all", photo)
        ask(address, "?detector=haar", form([photo]), f"multipart/form-data; boundary={BOUNDARY}")
        ask(address, "/batch", form([photo, b"damaged"]), f"multipart/form-data; boundary={BOUNDARY}")
        assert b"summary" in ask(address, "/video", body)
        assert b"ftyp" in ask(address, "/video?format=mp4&explain=gradcam", body)
        with connect(f"ws://{address}/v1/stream") as stream:
            stream.recv()
            for _ in range(3):
                stream.send(photo)
                assert json.loads(stream.recv())["type"] == "result"
        flowing = log.read_text().splitlines()[started:]
        process.send_signal(signal.SIGTERM)
        process.wait(60)
    assert written(flowing) == []
    calls = log.read_text().splitlines()
    assert any("brightness.onnx" in line for line in calls), "the tracer saw no file at all"
    # At the start: a folder for the socket of the workers, and Python's trial whether it can write there.
    at_start = written(calls)
    assert at_start, "the tracer saw nothing that is written"
    assert all(f'"{temporary}/' in line for line in at_start)
    assert list(temporary.iterdir()) == []
