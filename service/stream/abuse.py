"""Abuse: messages that are allowed now and then, counted until they come too often."""

import time

from .protocol import CloseCode, Closing

# `Settings.stream_abuse` is counted over this time; then the count begins anew.
ABUSE_S = 10.0


class Abuse:
    """At most `most` such messages of one session within ABUSE_S."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._count, self._since = 0, time.perf_counter()

    def add(self) -> None:
        """One more. Raises Closing where that is too many."""
        now = time.perf_counter()
        if now - self._since > ABUSE_S:
            self._count, self._since = 0, now
        self._count += 1
        if self._count > self._most:
            raise Closing(
                CloseCode.TOO_MANY_MESSAGES, "too many frames without a credit, frames in error or text messages"
            )
