"""Behind nginx, configured in the usual ways: the page's own stream is accepted, or the true cause is said."""

import json
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

from tests.ports import free_ports
from tests.service.processes import serving

UPGRADE = """proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";"""
SERVERS = {
    # Host without its port, as many guides have it; the original name beside it.
    "named": "location / { PASS/; proxy_set_header Host $host; proxy_set_header X-Forwarded-Host $host:$server_port; }",
    "nameless": "location / { PASS/; proxy_set_header Host $host; }",
    # What nginx does by itself: Host is the service's own address.
    "rewritten": "location / { PASS/; }",
    "right": "location / { PASS/; proxy_set_header Host $http_host; }",
    "below": "location /fer/ { PASS/; proxy_set_header Host $http_host; }",
}


@pytest.fixture(scope="module")
def proxies(model_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The address of each of SERVERS, before the same service."""
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/bin")
    if nginx is None:
        pytest.skip("needs nginx (apt-get install nginx-light)")
    folder = tmp_path_factory.mktemp("nginx")
    with serving(model_path) as (_, address):
        ports = dict(zip(SERVERS, free_ports(len(SERVERS)), strict=True))
        blocks = [
            f"server {{ listen 127.0.0.1:{ports[name]}; "
            f"{block.replace('PASS', f'{UPGRADE} proxy_pass http://{address}')} }}"
            for name, block in SERVERS.items()
        ]
        scratch = " ".join(f"{kind}_temp_path {kind};" for kind in ("proxy", "fastcgi", "uwsgi", "scgi"))
        (folder / "nginx.conf").write_text(
            f"pid nginx.pid; error_log nginx.log; worker_processes 1; daemon off; events {{ }} "
            f"http {{ access_log off; client_body_temp_path body; {scratch} {' '.join(blocks)} }}"
        )
        process = subprocess.Popen([nginx, "-p", folder, "-c", "nginx.conf", "-e", "nginx.log"])
        try:
            addresses = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
            _wait_for(addresses["right"])
            yield addresses
        finally:
            process.terminate()
            process.wait()


def _wait_for(address: str) -> None:
    for _ in range(100):
        try:
            urllib.request.urlopen(f"http://{address}/livez", timeout=5).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail("nginx did not start")


def stream(address: str, origin: str, path: str = "/v1/stream") -> None:
    """A session opened by a page of that origin. Raises InvalidStatus."""
    with connect(f"ws://{address}{path}", subprotocols=[Subprotocol("fer.v1")], origin=Origin(origin)) as socket:
        assert json.loads(socket.recv(timeout=20))["type"] == "session.created"


@pytest.mark.parametrize("name", ["named", "right"])
def test_the_pages_own_stream_is_accepted(proxies: dict[str, str], name: str) -> None:
    stream(proxies[name], f"http://{proxies[name]}")
    with pytest.raises(InvalidStatus) as caught:
        stream(proxies[name], "https://evil.example")
    assert caught.value.response.status_code == 403


@pytest.mark.parametrize("name", ["nameless", "rewritten"])
def test_where_the_proxy_hides_the_name_the_cause_is_said(proxies: dict[str, str], name: str) -> None:
    with pytest.raises(InvalidStatus) as caught:
        stream(proxies[name], f"http://{proxies[name]}")
    problem = json.loads(caught.value.response.body or b"{}")
    assert problem["code"] == "forbidden_origin"
    assert f"http://{proxies[name]}" in problem["detail"]
    assert "proxy_set_header Host $http_host" in problem["detail"]


def test_below_a_path_of_a_larger_site(proxies: dict[str, str]) -> None:
    base = f"http://{proxies['below']}/fer"
    stream(proxies["below"], f"http://{proxies['below']}", "/fer/v1/stream")
    with urllib.request.urlopen(f"{base}/docs/", timeout=20) as page:  # noqa: S310 (our own address)
        assert page.url == f"{base}/docs", "the redirect keeps the prefix"
        text = page.read().decode()
    for asset in ("swagger/swagger-ui.css", "swagger/swagger-ui-bundle.js", "static/docs.js"):
        assert f'"{asset}"' in text
        urllib.request.urlopen(f"{base}/{asset}", timeout=20).close()  # noqa: S310
