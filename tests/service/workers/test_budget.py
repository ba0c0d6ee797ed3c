"""The memory for bodies: what is reserved, refused, given up and given back."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from service.problems import BodyTooLarge, Overloaded
from service.workers import budget as module
from service.workers import heap
from service.workers.budget import SLOW_BYTES_PER_S, Budget


def test_what_is_held_is_counted_and_given_back_whatever_happens() -> None:
    budget = Budget(1000)
    with budget.reserve("a") as first, budget.reserve("b") as second:
        first.hold(600)
        second.hold(300)
        first.hold(400)
        assert budget.held == 700
    assert budget.held == 0
    with suppress(ValueError), budget.reserve("a") as third:
        third.hold(10)
        raise ValueError
    assert budget.held == 0


def test_no_more_is_held_than_there_is_and_a_fifth_is_left_for_others() -> None:
    budget = Budget(1000)
    with budget.reserve("a") as first, budget.reserve("a") as second, budget.reserve("b") as other:
        first.hold(500)
        with pytest.raises(Overloaded) as refused:
            second.hold(301)
        assert refused.value.retry_after_s == 1
        second.hold(300)
        other.hold(200)
        with pytest.raises(Overloaded):
            other.hold(201)
        with pytest.raises(BodyTooLarge) as too_large:
            other.hold(1100)
        assert too_large.value.limit == 800
        assert budget.held == 1000
    assert budget.held == 0


def run(work: Callable[[], Awaitable[None]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", 0.05)
    asyncio.run(work())  # type: ignore[arg-type]


def test_a_slow_body_is_given_up_for_others_and_a_fast_one_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        budget = Budget(10 * SLOW_BYTES_PER_S)
        stopped = []
        with budget.reserve("a") as silent, budget.reserve("b") as fast, budget.reserve("c") as new:
            silent.hold(5 * SLOW_BYTES_PER_S)
            fast.hold(4 * SLOW_BYTES_PER_S)
            silent.arriving(lambda: stopped.append("silent"))
            fast.arriving(lambda: stopped.append("fast"))
            fast.received(3 * SLOW_BYTES_PER_S)
            with pytest.raises(Overloaded):
                new.hold(2 * SLOW_BYTES_PER_S)
            await asyncio.sleep(0.1)
            new.hold(2 * SLOW_BYTES_PER_S)
            assert (stopped, silent.given_up) == (["silent"], True)
            assert budget.held == 6 * SLOW_BYTES_PER_S
            with pytest.raises(Overloaded):
                new.hold(7 * SLOW_BYTES_PER_S)
        assert budget.held == 0

    run(work, monkeypatch)


def test_a_body_in_chunks_is_reserved_as_it_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        budget = Budget(1000)
        with budget.reserve("a") as body:
            body.arriving(lambda: None)
            for _ in range(8):
                body.received(100)
            assert budget.held == 800
            with pytest.raises(BodyTooLarge):
                body.received(1)

    run(work, monkeypatch)


def test_the_heap_is_given_back_after_many_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    trimmed: list[None] = []

    async def work() -> None:
        budget = Budget(10**9)
        for size in (module._TRIMMED_BYTES - 1, 1, 1):
            with budget.reserve("a") as body:
                body.hold(size)
        await asyncio.sleep(0.1)

    monkeypatch.setattr(module, "_TRIMMED_AFTER_S", 0.0)
    monkeypatch.setattr(heap, "give_back", lambda: trimmed.append(None))
    asyncio.run(work())
    assert len(trimmed) == 1
