"""HAProxy with the configuration of deploy/compose/haproxy, before no replica."""

import json
import os
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPMessage, HTTPSConnection
from pathlib import Path

import pytest

from tests.ports import free_port

HAPROXY = Path(__file__).parents[2] / "deploy" / "compose" / "haproxy"
COMMAND = ["haproxy", "-db", "-f", str(HAPROXY / "haproxy.cfg"), "-f", str(HAPROXY / "compose.cfg")]


@dataclass(frozen=True)
class Proxy:
    http_port: int
    https_port: int
    environment: dict[str, str]
    tls: ssl.SSLContext

    def get(self, path: str, host: str = "localhost", *, tls: bool = True) -> tuple[int, HTTPMessage, bytes]:
        """Status, headers and body."""
        if tls:
            made: HTTPConnection = HTTPSConnection("localhost", self.https_port, context=self.tls, timeout=30)
        else:
            made = HTTPConnection("localhost", self.http_port, timeout=30)
        with closing(made) as connection:
            connection.request("GET", path, headers={"Host": host})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Proxy:
    """Not started."""
    for program in ("haproxy", "openssl"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    folder = tmp_path_factory.mktemp("haproxy")
    certificate, key, both = (folder / f"{name}.pem" for name in ("certificate", "key", "both"))
    made = subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
            *("-keyout", key, "-out", certificate),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    both.write_text(certificate.read_text() + key.read_text())
    http_port, https_port = free_port(), free_port()
    environment = {
        **os.environ,
        "CERTIFICATE": str(both),
        "ERRORS": str(HAPROXY / "errors"),
        "HTTP": f"127.0.0.1:{http_port}",
        "HTTPS": f"127.0.0.1:{https_port}",
        "HTTPS_PORT": str(https_port),
    }
    return Proxy(http_port, https_port, environment, ssl.create_default_context(cafile=certificate))


@pytest.fixture(scope="module")
def started(proxy: Proxy) -> Iterator[Proxy]:
    with subprocess.Popen(COMMAND, env=proxy.environment, stderr=subprocess.DEVNULL) as process:
        try:
            for _ in range(600):
                assert process.poll() is None
                try:
                    proxy.get("/")
                    break
                except ConnectionRefusedError:
                    time.sleep(0.05)
            yield proxy
        finally:
            process.kill()


def test_it_takes_its_configuration(proxy: Proxy) -> None:
    done = subprocess.run([*COMMAND, "-c"], env=proxy.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "[WARNING]" not in done.stderr


@pytest.mark.parametrize("host", ["localhost", "localhost:8080", "faces.example"])
def test_http_leads_to_the_port_of_https(started: Proxy, host: str) -> None:
    status, headers, _ = started.get("/v1/model?a=b&c", host, tls=False)
    assert status == 308
    name = host.partition(":")[0]
    assert headers["Location"] == f"https://{name}:{started.https_port}/v1/model?a=b&c"


def test_what_the_service_counts_is_for_those_inside(started: Proxy) -> None:
    assert started.get("/metrics")[0] == 404


def test_without_a_replica_a_client_is_told_to_ask_again(started: Proxy) -> None:
    status, headers, body = started.get("/v1/model")
    assert (status, headers["Retry-After"]) == (503, "1")
    assert headers["Content-Type"] == "application/problem+json"
    assert len(body) == int(headers["Content-Length"])
    problem = json.loads(body)
    assert (problem["status"], problem["code"]) == (503, "overloaded")
