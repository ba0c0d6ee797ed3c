"""The stream's own document, and its example in JavaScript, run by Node."""

import html
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from fastapi.testclient import TestClient

from service.stream.document import asyncapi_document
from tests.service.conftest import ROOT
from tests.service.processes import serving

GUIDE = ROOT / "docs" / "stream.md"


def test_it_is_served_as_yaml(client: TestClient) -> None:
    answer = client.get("/asyncapi.yaml")
    assert answer.headers["content-type"] == "application/yaml"
    assert yaml.safe_load(answer.text) == asyncapi_document()
    assert 'href="asyncapi.yaml"' in client.get("/docs").text


def test_the_page_shows_the_guide_s_example(client: TestClient) -> None:
    page = client.get("/stream").text
    assert 'href="stream"' in client.get("/docs").text
    [example] = re.findall(r"```js\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    [shown] = re.findall(r'<code id="example">(.*?)</code>', page, re.DOTALL)
    assert html.unescape(shown) == example


def test_the_example_runs(model_path: Path, photo: bytes, tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs node")
    [example] = re.findall(r"```js\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    assert len(example.strip().splitlines()) <= 18
    (tmp_path / "photo.jpg").write_bytes(photo)
    program = tmp_path / "stream.mjs"
    # Node 20 has it behind a flag.
    has_socket = subprocess.run([node, "-e", "WebSocket"], capture_output=True, check=False).returncode == 0
    flags = [] if has_socket else ["--experimental-websocket"]
    with serving(model_path) as (_, address):
        program.write_text(example.replace("127.0.0.1:8000", address))
        done = subprocess.run(
            [node, "--no-warnings", *flags, program],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
    *faces, closed = done.stdout.splitlines()
    assert len(faces) == 3
    assert all(re.fullmatch(r"face 1: (dark|bright)", line) for line in faces)
    assert closed.startswith("closed 1000")
    assert done.stderr == ""
