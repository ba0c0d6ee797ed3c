"""Whose task gets the next free worker."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from service.workers.turns import Turns


def order(work: Callable[[Turns[str], list[str]], Awaitable[None]]) -> list[str]:
    """The clients in the order in which they got a worker."""
    got: list[str] = []

    async def whole() -> None:
        await work(Turns(), got)

    asyncio.run(whole())
    return got


async def ask(turns: Turns[str], got: list[str], client: str) -> None:
    """A task that takes one round of the event loop."""
    worker = await turns.next(client)
    got.append(client)
    await asyncio.sleep(0)
    turns.done(client)
    turns.add(worker)


def test_a_free_worker_is_taken_at_once_and_counts_as_one_at_work() -> None:
    async def work(turns: Turns[str], got: list[str]) -> None:
        assert turns.take("many") is None
        turns.add("one")
        assert turns.take("many") == "one"
        assert turns.take("many") is None
        tasks = [asyncio.create_task(ask(turns, got, client)) for client in ("many", "few")]
        await asyncio.sleep(0)
        turns.add("two")
        await asyncio.gather(*tasks)

    assert order(work) == ["few", "many"]


def test_a_bystander_waits_for_one_task_at_most() -> None:
    async def work(turns: Turns[str], got: list[str]) -> None:
        many = [asyncio.create_task(ask(turns, got, "many")) for _ in range(30)]
        await asyncio.sleep(0)
        few = [asyncio.create_task(ask(turns, got, "few")) for _ in range(2)]
        await asyncio.sleep(0)
        turns.add("worker")
        await asyncio.gather(*many, *few)

    got = order(work)
    assert len(got) == 32
    assert got[:4] == ["many", "few", "many", "few"]


def test_two_workers_are_never_one_clients_while_another_waits() -> None:
    async def work(turns: Turns[str], got: list[str]) -> None:
        tasks = [asyncio.create_task(ask(turns, got, "many")) for _ in range(4)]
        tasks += [asyncio.create_task(ask(turns, got, client)) for client in ("b", "c")]
        await asyncio.sleep(0)
        turns.add("one")
        turns.add("two")
        await asyncio.gather(*tasks)

    assert order(work)[:3] == ["many", "b", "c"]


def test_one_client_alone_has_all_workers() -> None:
    async def work(turns: Turns[str], got: list[str]) -> None:
        for name in ("one", "two"):
            turns.add(name)
        got += [await turns.next("alone"), await turns.next("alone")]
        assert turns.free == 0

    assert order(work) == ["one", "two"]


def test_who_leaves_loses_no_worker() -> None:
    async def work(turns: Turns[str], got: list[str]) -> None:
        waiting = [asyncio.create_task(ask(turns, got, client)) for client in ("a", "a", "b")]
        await asyncio.sleep(0)
        waiting[0].cancel()
        waiting[2].cancel()
        await asyncio.sleep(0)
        turns.add("worker")
        # It has been handed out, and its client leaves before it knows.
        waiting[1].cancel()
        for task in waiting:
            with suppress(asyncio.CancelledError):
                await task
        assert turns.free == 1
        await ask(turns, got, "c")

    assert order(work) == ["c"]
