"""Host names and web origins (RFC 6454) in one form, so that they can be compared."""

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Self
from urllib.parse import urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}
_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")


@dataclass(frozen=True)
class Host:
    """What a `Host` header says: a name in lower case or an IP address, and a port or None."""

    name: str
    port: int | None

    @classmethod
    def parse(cls, text: str) -> Self:
        """`name`, `name:port`, `[::1]:port`. Raises ValueError."""
        parts = urlsplit(f"//{text.strip()}")
        if not parts.hostname or parts.netloc != text.strip() or "@" in parts.netloc:
            raise ValueError(f"{text!r} is no host")
        return cls(_plain(parts.hostname), parts.port)

    @property
    def is_address(self) -> bool:
        """True for an IP address. No web page can be served under one that is not its own server's."""
        return _is_address(self.name)

    @property
    def is_loopback(self) -> bool:
        """True for this machine, whatever names are registered: RFC 6761, 6.3 reserves `localhost` and below."""
        if self.is_address:
            return ip_address(self.name).is_loopback
        return self.name == "localhost" or self.name.endswith(".localhost")


@dataclass(frozen=True)
class Origin:
    """Scheme, host and port of a web page; the port is the scheme's own where the page's address has none."""

    scheme: str
    name: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """What an `Origin` header says, or a setting. Raises ValueError, which says what is wrong."""
        if text == "*":
            raise ValueError("'*' would let every web page use the service; list the origins")
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError as error:
            raise ValueError(f"{text!r} is no origin: {error}") from error
        if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
            raise ValueError(f"{text!r} is no origin: it has to begin with https:// or http://")
        if parts.path or parts.query or parts.fragment or "@" in parts.netloc:
            raise ValueError(f"{text!r} is no origin: nothing may follow the host and its port, not even a slash")
        return cls(parts.scheme, _plain(parts.hostname), _DEFAULT_PORTS[parts.scheme] if port is None else port)

    def __str__(self) -> str:
        """As browsers write it: without the scheme's own port."""
        name = f"[{self.name}]" if ":" in self.name else self.name
        return f"{self.scheme}://{name}" + ("" if self.port == _DEFAULT_PORTS[self.scheme] else f":{self.port}")

    def is_at(self, host: Host) -> bool:
        """True where a page of this origin is served by `host`; a host without a port has the scheme's own."""
        port = _DEFAULT_PORTS[self.scheme] if host.port is None else host.port
        return (self.name, self.port) == (host.name, port)


def host_pattern(text: str) -> str:
    """A name of a setting as `is_named` compares it: `fer.example`, or `*.example` for all names below.

    Raises ValueError, which says what is wrong.
    """
    name = text.lower().rstrip(".")
    if _is_address(name.strip("[]")):
        return name.strip("[]")
    if not _NAME.fullmatch(name.removeprefix("*.")):
        raise ValueError(
            f"{text!r} is no host name: it has neither scheme nor port nor path, and '*' alone is too much"
        )
    return name


def is_named(host: Host, patterns: tuple[str, ...]) -> bool:
    """True where one of `patterns` names the host."""
    return any(
        host.name.endswith(pattern[1:]) if pattern.startswith("*.") else host.name == pattern for pattern in patterns
    )


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _plain(name: str) -> str:
    """Lower case, without the dot that ends an absolute name; an IP address in its shortest form."""
    name = name.lower().rstrip(".")
    return str(ip_address(name)) if _is_address(name) else name
