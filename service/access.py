"""Who may ask: known host names, our own page and the origins that are listed, clients with a key and within a rate."""

import logging
import socket
from functools import lru_cache
from ipaddress import ip_address

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from . import clients
from .keys import INTERFACE, Keys
from .middleware import render
from .origins import Host, Origin, is_named
from .problems import ForbiddenHost, ForbiddenOrigin, Problem, RateLimited, Unauthorized
from .rates import Rates
from .settings import Settings
from .stream.protocol import PROTOCOL, CloseCode

log = logging.getLogger("service.access")

# Load balancers ask for these under names of their own, and they say nothing that a web page could use.
_PROBES = ("/livez", "/readyz")
_READING = ("GET", "HEAD", "OPTIONS")
STREAM = f"{INTERFACE}stream"
# Different refusals that are logged. More would let a stranger fill the log.
_MOST_LOGGED = 100
_LONGEST_SHOWN = 80
# Characters of a name and a port, and how many names are remembered as known or not.
_LONGEST_HOST, _MOST_REMEMBERED = 260, 1000
_CLOSE_CODES = {Unauthorized: CloseCode.NO_KEY, RateLimited: CloseCode.TRY_AGAIN_LATER}


class AccessMiddleware:
    """ASGI middleware that refuses in place of the application, or lets a request or a handshake through.

    What it lets through works for a client (`clients.current`): the name of its key, or its address.

    A web page can make its visitor's browser send requests to a service that only the visitor reaches. Two things
    tell them from our own page's: the name in the `Host` header, where the attacker's name leads to our address (DNS
    rebinding), and the `Origin` header. A page cannot set either, nor `Sec-Fetch-Site`; it can set `X-Forwarded-Host`
    only in requests that a browser asks us for first (CORS), so that header is believed, whoever sends it.
    """

    def __init__(self, app: ASGIApp, settings: Settings, keys: Keys, rates: Rates) -> None:
        self._app, self._keys, self._rates = app, keys, rates
        self._known = known_names(settings)
        self._allowed = {Origin.parse(origin) for origin in settings.allowed_origins}
        self._logged: set[str] = set()
        # Clients send the same few names over and over.
        self._is_known_name = lru_cache(_MOST_REMEMBERED)(self._find_name)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or scope["path"] in _PROBES:
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        try:
            self._check_hosts(connection)
            self._check_origin(connection)
            client = await self._client(connection)
        except Problem as problem:
            if problem.status == ForbiddenOrigin.status:
                self._log(problem.detail)
            await _refuse(connection, problem, receive, send)
            return
        with clients.working_for(client):
            await self._app(scope, receive, send)

    async def _client(self, connection: HTTPConnection) -> str:
        """Raises RateLimited, and Unauthorized where a key is needed."""
        client = clients.of_address(connection.client.host if connection.client else "")
        if not connection.scope["path"].startswith(INTERFACE):
            return client
        name = self._keys.name_of(key) if (key := _key(connection)) else None
        if name is not None:
            client = clients.of_key(name)
        # Whoever tries keys is counted, too.
        await self._rates.count(client)
        if self._keys.are_needed and name is None:
            raise Unauthorized(
                "The key is not known." if key else "Send the key of this service as `Authorization: Bearer KEY`."
            )
        return client

    def _check_hosts(self, connection: HTTPConnection) -> None:
        """Raises ForbiddenHost where a name that the client or its proxy asked for is none of ours."""
        for text in (*connection.headers.getlist("host"), *_forwarded_host(connection)):
            if not self._is_known(text):
                raise ForbiddenHost(
                    f"This service is not known as {_shown(text)}. Ask for it as localhost or by its IP address, or "
                    "add the name to the setting FER_HOSTS."
                )

    def _is_known(self, text: str) -> bool:
        return len(text) <= _LONGEST_HOST and self._is_known_name(text)

    def _find_name(self, text: str) -> bool:
        try:
            host = Host.parse(text)
        except ValueError:
            return False
        # An IP address cannot be rebound: a page under it comes from the machine that has it.
        return host.is_address or host.is_loopback or is_named(host, self._known)

    def _check_origin(self, connection: HTTPConnection) -> None:
        """Raises ForbiddenOrigin for what another web page does, unless it only reads: browsers keep that from it."""
        if connection.scope["type"] == "http" and connection.scope["method"] in _READING:
            return
        text = connection.headers.get("origin")
        cross_site = connection.headers.get("sec-fetch-site") == "cross-site"
        if text is None:
            if cross_site:
                raise ForbiddenOrigin("Another web site's page may not use this service.")
            return
        try:
            origin = Origin.parse(text)
        except ValueError:
            raise ForbiddenOrigin(f"A page of the origin {_shown(text)} may not use this service.") from None
        if origin in self._allowed or (self._is_own(origin, connection) and not cross_site):
            return
        raise ForbiddenOrigin(_foreign(origin, connection.headers.get("host", "")))

    def _is_own(self, origin: Origin, connection: HTTPConnection) -> bool:
        asked_as = (*connection.headers.getlist("host"), *_forwarded_host(connection))
        if any(origin.is_at(Host.parse(text)) for text in asked_as):
            return True
        # The browser compared the two before any proxy changed `Host`. Chromium does not say so with a handshake, and
        # the page asks by a POST to the stream's path why that was refused.
        asks_why = connection.scope["type"] == "http" and connection.scope["path"].endswith(STREAM)
        same = connection.headers.get("sec-fetch-site") == "same-origin" and not asks_why
        return same and self._is_known(origin.name if ":" not in origin.name else f"[{origin.name}]")

    def _log(self, reason: str) -> None:
        if reason not in self._logged and len(self._logged) < _MOST_LOGGED:
            self._logged.add(reason)
            log.warning("refused: %s", reason)


def known_names(settings: Settings) -> tuple[str, ...]:
    """The names of FER_HOSTS and FER_HOST, and of this machine where the service is reachable from others."""
    names = {*settings.hosts, settings.host.lower()}
    if not listens_to_itself(settings.host):
        names.add(socket.gethostname().lower())
    return tuple(sorted(names))


def listens_to_itself(host: str) -> bool:
    """True where only this machine can reach the address `host` to listen on."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return Host(host.lower(), None).is_loopback


def _key(connection: HTTPConnection) -> str | None:
    """The key that a client sends. Browsers can send one with a handshake only as a second subprotocol."""
    scheme, _, key = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and key.strip():
        return key.strip()
    others = [each for each in connection.scope.get("subprotocols", ()) if each != PROTOCOL]
    return others[0] if others else None


async def _refuse(connection: HTTPConnection, problem: Problem, receive: Receive, send: Send) -> None:
    answer = render(connection, problem)
    if connection.scope["type"] == "http":
        await answer(connection.scope, receive, send)
        return
    handshake = WebSocket(connection.scope, receive, send)
    code = _CLOSE_CODES.get(type(problem))
    if code is None or "origin" not in connection.headers:
        await handshake.send_denial_response(answer)
        return
    # A browser keeps from its page why a handshake was refused; a close code it passes on.
    await handshake.accept(subprotocol=PROTOCOL if PROTOCOL in connection.scope["subprotocols"] else None)
    await handshake.close(code, problem.detail)


def _forwarded_host(connection: HTTPConnection) -> tuple[str, ...]:
    """What the first proxy was asked for."""
    first = connection.headers.get("x-forwarded-host", "").partition(",")[0].strip()
    return (first,) if first else ()


def _foreign(origin: Origin, host: str) -> str:
    page = f"The page's origin is {_shown(str(origin))}, and the service was asked for as {_shown(host)}. "
    proxy = (
        "A proxy between them has to pass on the Host header as the browser sent it, with its port (nginx: "
        "`proxy_set_header Host $http_host;`)"
    )
    try:
        same_name = Host.parse(host).name in (origin.name, "localhost") or Host.parse(host).is_address
    except ValueError:
        same_name = False
    other = "add the origin to the setting FER_ALLOWED_ORIGINS"
    return page + (f"{proxy}; if it is another site's page, {other}." if same_name else f"To let it call, {other}.")


def _shown(text: str) -> str:
    """A client's words in a sentence and in the log: one line, and not long."""
    return ascii(text[:_LONGEST_SHOWN])
