"""When to try again, and how long to wait before."""

import random
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from fer_client.errors import FerError

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 8.0


class RetryBudget:
    """The retries and the seconds of waiting that are left to one call."""

    def __init__(self, retries: int, total_s: float):
        self._retries, self._left_s = retries, total_s
        self._failures = 0

    def wait_s(self, error: FerError) -> float | None:
        """Seconds to wait before the next attempt; None where there is none."""
        if not error.retryable or self._failures >= self._retries:
            return None
        if error.retry_after_s is None:
            wait_s = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0**self._failures) * random.uniform(0.5, 1)  # noqa: S311
        else:
            # Never less than the service asks for; a little more, or all refused clients would come back together.
            wait_s = error.retry_after_s * random.uniform(1, 1.1)  # noqa: S311
        if wait_s > self._left_s:
            return None
        self._failures += 1
        self._left_s -= wait_s
        return wait_s


def retry_after_s(header: str | None, now: datetime | None = None) -> float | None:
    """Seconds that a Retry-After header asks for (RFC 9110, 10.2.3): a number or a date. None for anything else."""
    text = (header or "").strip()
    if text.isascii() and text.isdecimal():
        return float(text)
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return max(0.0, (date - (now or datetime.now(UTC))).total_seconds())
