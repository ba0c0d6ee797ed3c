"""When to ask again, and how long to wait before."""

import random
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from fer_client.errors import FerError

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 8.0


class Patience:
    """What one call may still spend: so many more tries, and so many seconds of waiting in all."""

    def __init__(self, tries: int, total_s: float):
        self._tries, self._left_s = tries, total_s
        self._failures = 0

    def wait_s(self, error: FerError) -> float | None:
        """Seconds to wait before the next try; None when there shall be none."""
        if not error.retryable or self._failures >= self._tries:
            return None
        if error.retry_after_s is None:
            wait_s = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0**self._failures) * random.uniform(0.5, 1)  # noqa: S311
        else:
            # Never less than asked; a little more, or all who were sent away would come back together.
            wait_s = error.retry_after_s * random.uniform(1, 1.1)  # noqa: S311
        if wait_s > self._left_s:
            return None
        self._failures += 1
        self._left_s -= wait_s
        return wait_s


def retry_after_s(header: str | None, now: datetime | None = None) -> float | None:
    """Seconds that a Retry-After header asks for (RFC 9110, 10.2.3: a number, or a date); None for none or nonsense."""
    text = (header or "").strip()
    if text.isascii() and text.isdecimal():
        return float(text)
    try:
        then = parsedate_to_datetime(text)
    except ValueError:
        return None
    if then.tzinfo is None:
        then = then.replace(tzinfo=UTC)
    return max(0.0, (then - (now or datetime.now(UTC))).total_seconds())
