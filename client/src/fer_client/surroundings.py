"""What the environment says of proxies and certificates, and when it does not matter."""

import os
import ssl
from collections.abc import Callable
from ipaddress import ip_address, ip_network
from typing import Any, TypeVar
from urllib.request import getproxies, proxy_bypass

import httpx2

from fer_client.errors import Unreachable
from fer_client.requests import Address

Http = TypeVar("Http")
# What a library may raise for settings that it cannot use; websockets and httpx2 need packages for SOCKS proxies.
UNUSABLE = (ValueError, ImportError, httpx2.InvalidURL)


def open_http(make: Callable[..., Http], address: Address, headers: dict[str, str], timeout_s: float) -> Http:
    """httpx2's client for this address. Raises Unreachable where the environment's proxy or certificates are no use."""
    certificates = tls(address)
    if certificates is None:
        # Never used: without it, httpx2 reads the files of certificates for http addresses, too.
        certificates = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    arguments: dict[str, Any] = {"verify": certificates, "trust_env": not is_excepted(address)}
    try:
        return make(base_url=address.url, headers=headers, timeout=timeout_s, **arguments)
    except UNUSABLE as error:
        raise proxy_error(address, error) from error


def tls(address: Address) -> ssl.SSLContext | None:
    """The certificates to trust for an https address. Raises Unreachable where they cannot be read."""
    if httpx2.URL(address.url).scheme != "https":
        return None
    try:
        return httpx2.create_ssl_context()
    except OSError as error:  # ssl.SSLError is one
        named = _named(("SSL_CERT_FILE", "SSL_CERT_DIR"))
        raise Unreachable(f"the certificates to trust cannot be read ({named}): {error}", retryable=False) from error


def is_excepted(address: Address) -> bool:
    """True where no proxy is asked: for this machine itself, which a proxy cannot reach, and for those of NO_PROXY."""
    host = httpx2.URL(address.url).host
    try:
        ip = ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith(".localhost") or bool(proxy_bypass(host))
    return ip.is_loopback or bool(proxy_bypass(host)) or any(ip in network for network in _networks_without_proxy())


def proxy_error(address: Address, error: Exception) -> Unreachable:
    """The error for a proxy of the environment that cannot be used."""
    named = _named(("ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "SOCKS_PROXY", "WSS_PROXY", "WS_PROXY"))
    return Unreachable(
        f"the proxy for {address} cannot be used ({named or 'from the system'}): {error}; an address in NO_PROXY is "
        "asked without one",
        retryable=False,
    )


def _networks_without_proxy() -> list[Any]:
    networks = []
    for entry in getproxies().get("no", "").split(","):
        try:
            networks.append(ip_network(entry.strip()))
        except ValueError:
            continue
    return networks


def _named(names: tuple[str, ...]) -> str:
    """Those that are set, as they are set, without a password that a proxy's address may hold."""
    found = [(name, os.environ[each]) for name in names for each in (name, name.lower()) if os.environ.get(each)]
    return ", ".join(f"{name}={value.rpartition('@')[2]}" for name, value in found)
