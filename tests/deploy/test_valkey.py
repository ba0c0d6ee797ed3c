"""What counts requests for all replicas: Valkey, started by compose and on Kubernetes."""

import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.manifests import OVERLAYS
from tests.ports import free_port

ROOT = Path(__file__).parents[2]
EXPECTED = {
    "save": "",
    "appendonly": "no",
    # Only the official image is built without it; it refuses whoever asks from another container.
    "protected-mode": "no",
    "maxmemory": str(48 << 20),
    "maxmemory-policy": "volatile-ttl",
}


def of_compose() -> dict[str, Any]:
    replicas = (ROOT / "deploy" / "compose" / "replicas.yml").read_text().replace("!reset", "")
    rates: dict[str, Any] = yaml.safe_load(replicas)["services"]["rates"]
    return rates


def of_kubernetes() -> dict[str, Any]:
    deployment, *_ = yaml.safe_load_all((OVERLAYS / "production" / "rates.yaml").read_text())
    pod: dict[str, Any] = deployment["spec"]["template"]["spec"]
    return pod


def options() -> list[str]:
    return [str(word) for word in of_compose()["command"]]


def test_compose_starts_the_server_itself_as_its_user() -> None:
    """The image's entrypoint begins as root and changes its user, which no capability is left for.

    Called by another user, it refuses a folder /data that is read-only.
    """
    rates = of_compose()
    assert rates["entrypoint"] == ["valkey-server"]
    # valkey-io/valkey-container, 8.1/alpine/Dockerfile: adduser -u 999, addgroup -g 1000.
    assert rates["user"] == "999:1000"
    assert rates["cap_drop"] == ["ALL"]
    assert rates["read_only"] is True


def test_kubernetes_starts_the_server_itself_as_its_user() -> None:
    pod = of_kubernetes()
    (container,) = pod["containers"]
    assert container["command"] == ["valkey-server", *options()]
    assert "args" not in container
    assert (pod["securityContext"]["runAsUser"], pod["securityContext"]["runAsGroup"]) == (999, 1000)
    assert container["image"] == of_compose()["image"]


def test_the_server_takes_its_options_and_keeps_nothing_on_a_disk(tmp_path: Path) -> None:
    program = shutil.which("valkey-server") or shutil.which("redis-server")
    if program is None:
        pytest.skip("needs valkey-server or redis-server")
    port = free_port()
    here = ["--port", str(port), "--bind", "127.0.0.1"]
    with subprocess.Popen([program, *options(), *here], cwd=tmp_path, stdout=subprocess.DEVNULL) as server:
        try:
            said = configuration(server, port)
        finally:
            server.kill()
    assert said == EXPECTED
    assert not list(tmp_path.iterdir())


def configuration(server: "subprocess.Popen[bytes]", port: int) -> dict[str, str]:
    """What a server that starts says of these options."""
    until = time.monotonic() + 60
    while True:
        assert server.poll() is None, "the server has ended"
        try:
            with socket.create_connection(("127.0.0.1", port), 10) as connection, connection.makefile("rwb") as file:
                return {name: asked(file, name) for name in EXPECTED}
        except ConnectionRefusedError:
            assert time.monotonic() < until, "the server does not listen"
            time.sleep(0.05)


def asked(file: Any, name: str) -> str:
    """The answer is an array of two strings: name and value."""
    file.write(f"CONFIG GET {name}\r\n".encode())
    file.flush()
    lines = [file.readline().decode().strip() for _ in range(5)]
    assert (lines[0], lines[2]) == ("*2", name)
    return str(lines[4])
