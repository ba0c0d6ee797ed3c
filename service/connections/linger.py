"""Linger: a connection whose last answer is written, while its client may still be sending."""

import asyncio

# For so long at most, with no longer silence than this.
_MOST_S = 10.0
_SILENCE_S = 2.0


class Linger:
    """Sends what was written and the end, and drops what still comes until the client ends, too, or is silent.

    Closing at once would destroy the answer on its way to a client that is still sending (RFC 9112, 9.6).
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, transport: asyncio.Transport, most_bytes: int = 2**25) -> None:
        """At most `most_bytes` are dropped before the connection is aborted."""
        self._loop, self._transport, self._most_bytes = loop, transport, most_bytes
        self._dropped = 0
        self._until = loop.time() + _MOST_S
        if transport.can_write_eof():
            transport.write_eof()
            transport.resume_reading()
        else:
            transport.close()
        self._check(-1)

    def drop(self, data: bytes) -> None:
        self._dropped += len(data)
        if self._dropped > self._most_bytes:
            self._transport.abort()

    def cancel(self) -> None:
        self._timer.cancel()

    def _check(self, before: int) -> None:
        is_silent = self._dropped == before and not self._transport.get_write_buffer_size()
        if is_silent or self._loop.time() > self._until:
            self._transport.abort()
        else:
            self._timer = self._loop.call_later(_SILENCE_S, self._check, self._dropped)
