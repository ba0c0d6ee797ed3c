"""Connections: how many sockets may be open, in all and of one address, and which is closed for a new one."""

import asyncio
import resource
from collections import Counter

# Descriptors that are no connections: of the process itself, and of each worker (socket, sentinel, memory).
_OWN = 64
_OF_A_WORKER = 4
# Of all connections, for one address: the rest is for the others.
_SHARE = 0.75


class Connections:
    """At most `most` at once, and three quarters of them of one address.

    Where there is no room, the connection that has waited longest for a request is closed: one more silent socket
    never keeps anybody out.
    """

    def __init__(self, most: int) -> None:
        self.most, self.most_each = most, max(1, int(_SHARE * most))
        self._addresses: dict[asyncio.Transport, str] = {}
        self._open: Counter[str] = Counter()
        # In the order in which they began to wait; a dict keeps it, and forgets one at once.
        self._waiting: dict[str, dict[asyncio.Transport, None]] = {}

    def __len__(self) -> int:
        return len(self._addresses)

    def add(self, transport: asyncio.Transport, address: str) -> bool:
        """Count a new connection, which waits for its first request; False where there is no room for it."""
        full = self._open[address] >= self.most_each
        if full or len(self) >= self.most:
            crowd = address if full else max(self._waiting, key=lambda each: len(self._waiting[each]), default=None)
            if crowd is None or not self._waiting.get(crowd):
                return False
            longest = next(iter(self._waiting[crowd]))
            self.remove(longest)
            longest.abort()
        self._addresses[transport] = address
        self._open[address] += 1
        self.waits(transport)
        return True

    def waits(self, transport: asyncio.Transport) -> None:
        """No request is under way on this connection."""
        if (address := self._addresses.get(transport)) is not None:
            self._waiting.setdefault(address, {})[transport] = None

    def works(self, transport: asyncio.Transport) -> None:
        """A whole request header has come, or a session is open: the connection is not closed for others."""
        if (address := self._addresses.get(transport)) is None:
            return
        waiting = self._waiting.get(address, {})
        waiting.pop(transport, None)
        if not waiting:
            self._waiting.pop(address, None)

    def remove(self, transport: asyncio.Transport) -> None:
        """Forget a connection, if it is not forgotten yet."""
        self.works(transport)
        if (address := self._addresses.pop(transport, None)) is not None:
            self._open[address] -= 1
            if not self._open[address]:
                del self._open[address]


def connections_below_file_limit(most: int, workers: int) -> int:
    """`most`, or fewer where the process may not open so many files."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return most
    return max(1, min(most, soft - _OWN - _OF_A_WORKER * workers))
