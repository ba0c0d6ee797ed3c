"""HTTP/1.1 on one connection: uvicorn's protocol with limits, deadlines, and problems in place of its plain texts.

It relies on names that uvicorn does not promise; tests/service/connections/ shows that they still mean the same.
"""

import asyncio
import urllib.parse
from asyncio import TimerHandle
from typing import Any, cast

import httptools
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from ..descriptions import MAX_HEADER_BYTES, MAX_HEADERS
from ..problems import HeadersTooLarge, HeadersTooSlow, MalformedRequest, MethodNotKnown, Overloaded, Problem
from .answers import problem_answer
from .config import Config
from .exchange import Exchange
from .linger import Linger

# The next request of a client that was refused for lack of room is read only after this time. One that tries again at
# once would take from the workers the processor that they need.
_PAUSE_S = 0.2
_FULL = (429, 503)
# Requests that a client may send before the first is answered.
_MOST_PIPELINED = 16
_MOST_PATH_BYTES = 200
_HEADER_OVERHEAD_BYTES = len(": \r\n")


class HttpConnection(HttpToolsProtocol):
    """One connection, from its first byte to its end, or to its upgrade to a WebSocket."""

    config: Config
    cycle: Exchange

    def __init__(self, config: Config, *given: Any, **named: Any) -> None:
        super().__init__(config, *given, **named)
        self._running: Exchange | None = None
        self._in_headers = True
        self._reparsing = False
        self._ended = False
        self._timer: TimerHandle | None = None
        self._write_timer: TimerHandle | None = None
        self._unread = 0
        self._header_bytes = self._headers = 0
        self._body_bytes: int | None = 0
        self._linger: Linger | None = None

    # --- the connection ------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        address = self.client[0] if self.client else ""
        if not self.config.connections.add(transport, address):
            limit = self.config.connections.most
            self._end_with(Overloaded("There are too many connections.", limit=limit, retry_after_s=1))
            return
        self._wait_for_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended = True
        self._stop_timers()
        if self._linger is not None:
            self._linger.cancel()
        self.config.connections.remove(self.transport)
        if self._running is not None and self._running is not self.cycle:
            # Of several requests that were sent at once, uvicorn tells only the last.
            self._running.disconnected = True
            self._running.message_event.set()
        super().connection_lost(exc)
        # An exchange refers to its connection. The body that it holds would stay until Python looks for such circles.
        for exchange in (self.cycle, self._running):
            if exchange is not None:
                exchange.forget_connection()
        self.cycle = cast(Exchange, None)
        self._running = None
        self.pipeline.clear()

    def _wait_for_headers(self) -> None:
        self._stop_timers()
        self._timer = self.loop.call_later(self.config.settings.silence_s, self._headers_too_slow)

    def _headers_too_slow(self) -> None:
        if self._running is not None:
            self._wait_for_headers()
        elif self._unread:
            limit_s = self.config.settings.silence_s
            self._end_with(HeadersTooSlow(f"The headers did not arrive within {limit_s:g} s.", limit=limit_s))
        else:
            self.end()

    def _stop_timers(self) -> None:
        for timer in (self._timer, self._write_timer):
            if timer is not None:
                timer.cancel()

    # --- what the client sends -----------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if self._ended:
            if self._linger is not None:
                self._linger.drop(data)
            return
        begins = self._in_headers and not self._unread and self.cycle is not None
        self._unread += len(data)
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._on_upgrade(data[cast(int, upgrade.args[0]) :])
        except httptools.HttpParserInvalidMethodError:
            self._refuse(MethodNotKnown("The methods here are GET, HEAD, OPTIONS and POST."))
        except httptools.HttpParserError as error:
            cause = error.__context__
            self._refuse(cause if isinstance(cause, Problem) else MalformedRequest(f"{error}."))
        else:
            if self._unread > MAX_HEADER_BYTES:
                self._refuse(_too_large())
            elif begins and self._unread:
                # The first bytes of another request: from now on its headers have their own time.
                self._wait_for_headers()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_headers = True
        self._header_bytes = self._headers = self._body_bytes = 0

    def on_url(self, url: bytes) -> None:
        self._count_header(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers += 1
        self._count_header(len(name) + len(value) + _HEADER_OVERHEAD_BYTES)
        # Trailers come here, too: the application, which has the headers already, must not see them change.
        if not self._in_headers:
            return
        super().on_header(name, value)
        match name.lower():
            case b"content-length":
                self._body_bytes = int(value)
            case b"transfer-encoding":
                self._body_bytes = None

    def _count_header(self, size: int) -> None:
        self._header_bytes += size
        if self._header_bytes > MAX_HEADER_BYTES or self._headers > MAX_HEADERS:
            raise _too_large()

    def on_headers_complete(self) -> None:
        self._in_headers = False
        self._unread = 0
        self._stop_timers()
        self.config.connections.works(self.transport)
        self._check_host()
        if self.parser.should_upgrade() and not self._should_upgrade():
            self._reparsing = True
            return
        if len(self.pipeline) >= _MOST_PIPELINED:
            raise MalformedRequest(f"At most {_MOST_PIPELINED} requests may be sent before the first is answered.")
        self._begin_exchange()

    def _check_host(self) -> None:
        """Raises MalformedRequest where it is unclear which host is asked for (RFC 9112, 3.2)."""
        hosts = sum(name == b"host" for name, _ in self.headers)
        if hosts > 1 or (hosts == 0 and self.parser.get_http_version() != "1.0"):
            raise MalformedRequest(f"A request has one Host header, and this one has {hosts}.")

    def _begin_exchange(self) -> None:
        """As uvicorn's `on_headers_complete`, with an Exchange."""
        version, method = self.parser.get_http_version(), self.parser.get_method()
        self.scope["method"] = method.decode("ascii")
        self.scope["http_version"] = version
        if self.parser.should_upgrade():
            return
        url = httptools.parse_url(self.url)
        if url.path is None:
            raise MalformedRequest("The request names no path.")
        self.scope["path"] = self.root_path + urllib.parse.unquote(url.path.decode("ascii"))
        self.scope["raw_path"] = self.root_path.encode("ascii") + url.path
        self.scope["query_string"] = url.query or b""
        before = self.cycle
        self.cycle = Exchange(
            self,
            self._body_bytes,
            scope=self.scope,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=self.access_log,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=self.expect_100_continue,
            keep_alive=version != "1.0" and self.parser.should_keep_alive(),
            on_response=self.on_response_complete,
        )
        if before is None or before.response_complete:
            self._start_asgi_task(self.cycle, self.app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))

    def on_body(self, body: bytes) -> None:
        self._unread = 0
        if not self.parser.should_upgrade():
            super().on_body(body)
            self.cycle.count(len(body))

    def on_message_complete(self) -> None:
        self._unread = 0
        self._in_headers = True
        if not self._reparsing:
            super().on_message_complete()

    def _on_upgrade(self, rest: bytes) -> None:
        """A WebSocket; any other upgrade is not taken (RFC 9110, 7.8), and the request is read as if it asked for none.

        The parser has stopped at the end of the headers, so a new one reads them again, without those that ask.
        """
        if not self._reparsing:
            self._stop_timers()
            self.handle_websocket_upgrade()
            # It refers to this connection.
            self.parser = None  # type: ignore[assignment]
            return
        self._reparsing = False
        method = self.parser.get_method()
        if method == b"CONNECT":
            self._refuse(MethodNotKnown("This is no proxy."))
            return
        kept = [b"%s: %s\r\n" % header for header in self.headers if header[0] not in (b"upgrade", b"connection")]
        self.parser = httptools.HttpRequestParser(self)
        self.data_received(b"%s %s HTTP/1.1\r\n%s\r\n" % (method, self.url, b"".join(kept)) + rest)

    # --- answers -------------------------------------------------------------------------------

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._running = cast(Exchange, cycle)
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        answered, self._running = self._running, None
        if self._ended:
            self.server_state.total_requests += 1
            return
        super().on_response_complete()
        if self._running is None and not self.transport.is_closing():
            self.config.connections.waits(self.transport)
            if answered is not None and answered.status in _FULL:
                self.flow.pause_reading()
                self.loop.call_later(_PAUSE_S, self._read_on)

    def _read_on(self) -> None:
        if not self.transport.is_closing():
            self.flow.resume_reading()

    def _refuse(self, problem: Problem) -> None:
        """Answer what cannot be parsed, where an answer of its own is still possible, and end the connection."""
        running = self._running
        if running is None:
            self._end_with(problem)
        elif running is not self.cycle or not running.more_body:
            # An earlier request is being answered. Its answer is the last one.
            running.keep_alive = False
            self.pipeline.clear()
            self.flow.pause_reading()
        else:
            running.disconnected = True
            running.message_event.set()
            if running.response_started:
                self.end()
            else:
                self._end_with(problem)

    def _end_with(self, problem: Problem) -> None:
        url: bytes = getattr(self, "url", b"")
        path = url.partition(b"?")[0][:_MOST_PATH_BYTES].decode("ascii", "replace")
        self.transport.write(problem_answer(problem, path, self.app_state))
        self.end()

    # --- the end -------------------------------------------------------------------------------

    def end(self) -> None:
        """Close the connection once all that was written is sent, and the client has stopped sending."""
        if self._ended:
            return
        self._ended = True
        self.pipeline.clear()
        self._unset_keepalive_if_required()
        self._stop_timers()
        if self._unread or not self._in_headers:
            self._linger = Linger(self.loop, self.transport)
        else:
            self.transport.close()
            self._timer = self.loop.call_later(self.config.settings.stream_send_s, self.transport.abort)

    def timeout_keep_alive_handler(self) -> None:
        self.end()

    # --- a client that does not read its answer ------------------------------------------------

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_reading()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._write_timer is not None:
            self._write_timer.cancel()

    def _watch_reading(self, before: int | None = None) -> None:
        """Abort the connection when the client reads nothing of what is written for it within `send_s`.

        Many clients read nothing before they have sent all; whether one is waited for then, a batch decides itself.
        """
        size = self.transport.get_write_buffer_size()
        running = self._running
        is_sending = running is not None and running.more_body and not running.response_complete
        if before is not None and size >= before and not is_sending:
            self.transport.abort()
        else:
            self._write_timer = self.loop.call_later(self.config.settings.stream_send_s, self._watch_reading, size)


def _too_large() -> HeadersTooLarge:
    return HeadersTooLarge(
        f"Request line, headers and trailers have at most {MAX_HEADER_BYTES:,} bytes and {MAX_HEADERS} fields.",
        limit=MAX_HEADER_BYTES,
    )
