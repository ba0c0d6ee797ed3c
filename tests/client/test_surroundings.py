"""Proxies and certificates of the environment: clear errors, and nothing to this machine's own addresses."""

import asyncio
from pathlib import Path

import pytest
from starlette.responses import HTMLResponse, JSONResponse

from fer_client import AsyncClient, Client, FerError, Result, ServiceError, StreamResult, Unreachable
from fer_client.cli.main import main
from fer_client.requests import Address
from fer_client.surroundings import is_excepted
from tests.client.answers import answer
from tests.client.servers import Scripted, Serve
from tests.client.terminal import Capture

PROXIES = ("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "SOCKS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")
ELSEWHERE = "http://fer.example"


@pytest.fixture(autouse=True)
def _none_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        for each in (name, name.lower()):
            monkeypatch.delenv(each, raising=False)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ALL_PROXY", "socks://127.0.0.1:1080"),
        ("ALL_PROXY", "socks5://127.0.0.1:1080"),
        ("HTTP_PROXY", "ftp://proxy.example"),
        ("HTTP_PROXY", "http://proxy.example:port"),
        ("SOCKS_PROXY", "socks5://127.0.0.1:1080"),
        ("SSL_CERT_FILE", "/nowhere.pem"),
    ],
)
def test_they_do_not_matter_for_this_machine(
    url: str, white: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with Client(url) as client:
        assert client.predict(white).faces == ()
        (found,) = client.stream([white.read_bytes()])
        assert isinstance(found, StreamResult)

    async def work() -> Result:
        async with AsyncClient(url) as client:
            return await client.predict(white)

    assert asyncio.run(work()).faces == ()


@pytest.mark.parametrize(
    "value", ["socks://127.0.0.1:1080", "socks5://127.0.0.1:1080", "ftp://proxy.example", "http://proxy.example:port"]
)
def test_a_proxy_that_cannot_be_used_is_named(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("ALL_PROXY", value.replace("://", "://user:secret@"))
    for kind in (Client, AsyncClient):
        with pytest.raises(Unreachable, match=f"ALL_PROXY={value.partition('://')[2]}.*NO_PROXY") as caught:
            kind(ELSEWHERE)
        assert "secret" not in str(caught.value)
        assert not caught.value.retryable


def test_a_proxy_that_streams_cannot_use_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOCKS_PROXY", "socks5://127.0.0.1:1080")
    with Client(ELSEWHERE) as client, pytest.raises(Unreachable, match=r"SOCKS_PROXY=socks5://127\.0\.0\.1:1080"):
        list(client.stream([b"frame"]))


def test_certificates_that_are_gone_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "gone.pem"))
    with pytest.raises(Unreachable, match=r"SSL_CERT_FILE=.*gone\.pem"):
        Client("https://fer.example")
    Client(ELSEWHERE).close()


def test_the_command_says_it_in_a_line(monkeypatch: pytest.MonkeyPatch, white: Path, capsys: Capture) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks://127.0.0.1:1080")
    assert main(["predict", str(white), "--url", ELSEWHERE]) == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert "ALL_PROXY" in line


@pytest.mark.parametrize(
    ("url", "excepted"),
    [
        ("http://127.0.0.1:8000", True),
        ("http://localhost", True),
        ("http://[::1]:8000", True),
        ("https://fer.localhost", True),
        ("http://fer.example", False),
        ("http://a.inner.example", True),
        ("http://10.1.2.3", True),
        ("http://10.2.2.3", False),
    ],
)
def test_who_is_asked_without_a_proxy(monkeypatch: pytest.MonkeyPatch, url: str, excepted: bool) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example")
    monkeypatch.setenv("NO_PROXY", "inner.example, 10.1.0.0/16")
    assert is_excepted(Address(url)) is excepted


def test_a_scheme_in_capitals(url: str, white: Path) -> None:
    with Client(url.replace("http://", "HTTP://")) as client:
        assert client.predict(white).faces == ()
        assert [isinstance(each, StreamResult) for each in client.stream([white.read_bytes()])] == [True]


def test_a_proxys_413_is_one_files_error(serve: Serve, white: Path, black: Path, capsys: Capture) -> None:
    """As nginx answers a body over its client_max_body_size."""
    page = "<html><head><title>413 Request Entity Too Large</title></head></html>"
    too_large, good = HTMLResponse(page, 413), JSONResponse(answer())
    with Client(serve(Scripted(too_large)), retries=0) as client, pytest.raises(ServiceError) as caught:
        client.predict(white)
    assert (caught.value.code, caught.value.status, caught.value.retryable) == ("http_413", 413, False)

    async def work() -> list[Result | FerError | OSError]:
        async with AsyncClient(serve(Scripted(too_large, good))) as client:
            return [found async for _, found in client.predict_many([white, black], jobs=1)]

    first, second = asyncio.run(work())
    assert isinstance(first, ServiceError)
    assert isinstance(second, Result)
    assert main(["predict", str(white), str(black), "--jobs", "1", "--url", serve(Scripted(too_large, good))]) == 1
    out, err = capsys.readouterr()
    assert out.startswith(str(black))
    assert "413" in err
