"""How often a client may ask: counted over ten seconds, in memory or in a store that several services share."""

import asyncio
import logging
import math
import time

from limits import RateLimitItemPerSecond
from limits.aio.strategies import MovingWindowRateLimiter
from limits.errors import ConfigurationError
from limits.storage import storage_from_string

from .problems import RateLimited

log = logging.getLogger("service.rates")

# A page asks several things at once; what counts is the mean over this time.
WINDOW_S = 10
_MEMORY = "memory://"
# Between two lines in the log that say that the store does not answer.
_SILENT_S = 60.0
# A store that takes longer has failed.
_STORE_S = 1.0


class RateStoreError(Exception):
    """The store of FER_RATE_STORE cannot be used; the message says why."""


class Rates:
    """At most `per_s` requests a second of each client, over WINDOW_S; None: any number."""

    def __init__(self, per_s: float | None, store: str = _MEMORY) -> None:
        """Raises RateStoreError."""
        self._per_s, self._complained_at = per_s, -math.inf
        if per_s is None:
            return
        self._item = RateLimitItemPerSecond(max(1, round(per_s * WINDOW_S)), WINDOW_S, namespace="fer")
        try:
            # wrap_exceptions: one class for whatever a store's library raises.
            storage = storage_from_string(f"async+{store}", wrap_exceptions=True)
        except ConfigurationError as error:
            raise RateStoreError(
                f"FER_RATE_STORE: {error}. Redis needs the package coredis, Valkey valkey: "
                "pip install 'fer-service[redis]' or 'fer-service[valkey]'."
            ) from error
        self._limiter = MovingWindowRateLimiter(storage)

    async def count(self, client: str) -> None:
        """Count a request. Raises RateLimited for one too many, which is not counted."""
        if self._per_s is None:
            return
        try:
            async with asyncio.timeout(_STORE_S):
                if await self._limiter.hit(self._item, client):
                    return
                stats = await self._limiter.get_window_stats(self._item, client)
        except Exception as error:
            # Without its store a service would answer nobody: it goes on without counting, and says so.
            self._complain(error)
            return
        wait_s = stats.reset_time - time.time()
        if wait_s > WINDOW_S + 1:
            # The clock was set back; the client would be shut out until it has caught up.
            await self._limiter.clear(self._item, client)
            return
        raise RateLimited(
            f"More than {self._per_s:g} requests a second, over {WINDOW_S} s; try again later.",
            limit=self._per_s,
            retry_after_s=max(1, math.ceil(wait_s)),
        )

    def _complain(self, error: Exception) -> None:
        now = time.monotonic()
        if now - self._complained_at > _SILENT_S:
            self._complained_at = now
            log.error("requests are not counted: the store of FER_RATE_STORE failed: %s", error)
