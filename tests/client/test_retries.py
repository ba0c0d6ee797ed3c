"""When to ask again: tables for the header, the waits and their sum."""

from datetime import UTC, datetime

import pytest

from fer_client.errors import BadAnswer, FerError, ServiceError, Unreachable
from fer_client.retries import LONGEST_WAIT_S, RetryBudget, retry_after_s

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("0", 0),
        (" 7 ", 7),
        ("-7", None),
        ("1.5", None),
        ("²", None),
        ("soon", None),
        ("Mon, 23 Nov 2026 12:00:30 GMT", 30),
        ("Monday, 23-Nov-26 12:00:30 GMT", 30),
        ("Mon Nov 23 12:00:30 2026", 30),
        ("Mon, 23 Nov 2026 11:00:00 GMT", 0),
    ],
)
def test_the_header_is_seconds_or_a_date(header: str | None, seconds: float | None) -> None:
    assert retry_after_s(header, NOW) == seconds


def busy(asked_s: float | None = None) -> ServiceError:
    return ServiceError("overloaded", 503, "Busy.", retry_after_s=asked_s)


def test_it_never_waits_less_than_asked() -> None:
    for _ in range(100):
        waited = RetryBudget(3, 60).wait_s(busy(2))
        assert waited is not None
        assert 2 <= waited <= 2.2


def test_without_a_word_waits_double_and_stay_bounded() -> None:
    budget = RetryBudget(8, 1000)
    for number in range(8):
        longest = min(LONGEST_WAIT_S, 0.5 * 2**number)
        waited = budget.wait_s(Unreachable("gone"))
        assert waited is not None
        assert longest / 2 <= waited <= longest
    assert budget.wait_s(Unreachable("gone")) is None


def test_waits_differ() -> None:
    assert len({RetryBudget(1, 60).wait_s(Unreachable("gone")) for _ in range(20)}) > 1


def test_all_waits_together_have_a_limit() -> None:
    budget = RetryBudget(100, 10)
    assert budget.wait_s(busy(6)) is not None
    assert budget.wait_s(busy(6)) is None
    assert budget.wait_s(busy(2)) is not None
    assert RetryBudget(3, 10).wait_s(busy(11)) is None


@pytest.mark.parametrize(
    "error",
    [
        *(ServiceError("code", status, "No.", retry_after_s=1) for status in (400, 401, 403, 404, 413, 422, 500, 504)),
        Unreachable("too slow", retryable=False),
        BadAnswer("html"),
    ],
)
def test_some_errors_are_final(error: FerError) -> None:
    assert RetryBudget(3, 60).wait_s(error) is None
