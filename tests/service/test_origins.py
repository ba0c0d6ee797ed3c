"""Host names and web origins in one form."""

import pytest

from service.origins import Host, Origin, host_pattern, is_named


@pytest.mark.parametrize(
    ("text", "name", "port"),
    [
        ("Fer.Example", "fer.example", None),
        ("fer.example.:8000", "fer.example", 8000),
        ("127.0.0.1:80", "127.0.0.1", 80),
        ("[::1]:8000", "::1", 8000),
        ("[0:0:0:0:0:0:0:1]", "::1", None),
    ],
)
def test_hosts(text: str, name: str, port: int | None) -> None:
    assert Host.parse(text) == Host(name, port)


@pytest.mark.parametrize(
    "text", ["", ":80", "a b/", "user@fer.example", "fer.example/path", "fer.example:x", "[::1", "fer.example:99999"]
)
def test_what_is_no_host(text: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        assert Host.parse(text).port


@pytest.mark.parametrize(
    ("name", "address", "loopback"),
    [
        ("localhost", False, True),
        ("app.localhost", False, True),
        ("127.8.8.8", True, True),
        ("::1", True, True),
        ("192.0.2.1", True, False),
        ("localhost.example", False, False),
        ("127.0.0.1.example", False, False),
    ],
)
def test_addresses_and_this_machine(name: str, address: bool, loopback: bool) -> None:
    host = Host(name, None)
    assert (host.is_address, host.is_loopback) == (address, loopback)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("HTTPS://App.Example:443", "https://app.example"),
        ("http://app.example:80", "http://app.example"),
        ("http://app.example:443", "http://app.example:443"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_origins_are_written_as_browsers_do(text: str, plain: str) -> None:
    assert str(Origin.parse(text)) == plain


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("*", "every web page"),
        ("app.example", "begin with https://"),
        ("null", "begin with https://"),
        ("ftp://app.example", "begin with https://"),
        ("https://app.example/", "not even a slash"),
        ("https://app.example?x", "not even a slash"),
        ("https://user@app.example", "not even a slash"),
        ("https://", "begin with"),
        ("http://[", "no origin"),
        ("http://a:x", "no origin"),
    ],
)
def test_what_is_no_origin(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Origin.parse(text)


@pytest.mark.parametrize(
    ("origin", "host", "same"),
    [
        ("https://fer.example", "fer.example", True),
        ("https://fer.example", "FER.example:443", True),
        ("http://fer.example:80", "fer.example", True),
        ("http://fer.example", "fer.example:443", False),
        ("http://fer.example:8000", "fer.example", False),
        ("http://other.example", "fer.example", False),
    ],
)
def test_a_host_without_a_port_has_the_schemes(origin: str, host: str, same: bool) -> None:
    assert Origin.parse(origin).is_at(Host.parse(host)) is same


def test_names_of_a_setting() -> None:
    patterns = tuple(host_pattern(text) for text in ("Fer.Example.", "*.fer.example", "[::1]"))
    assert patterns == ("fer.example", "*.fer.example", "::1")
    found = {name: is_named(Host(name, None), patterns) for name in ("fer.example", "a.fer.example", "afer.example")}
    assert found == {"fer.example": True, "a.fer.example": True, "afer.example": False}


@pytest.mark.parametrize("text", ["*", "*.", "https://fer.example", "fer.example:80", "fer example", "fer.example/"])
def test_what_is_no_name(text: str) -> None:
    with pytest.raises(ValueError, match="no host name"):
        host_pattern(text)
