"""Turns: which client's task gets the next free worker."""

import asyncio
from collections import Counter, deque
from collections.abc import Iterable
from contextlib import suppress
from typing import Generic, TypeVar

T = TypeVar("T")


class Turns(Generic[T]):
    """Free workers, and the clients that wait for one. For the event loop's thread.

    The next one goes to the client with the fewest at work, among equals to the one whose turn is longest ago. So a
    client with many tasks does not delay another's by more than one of them, and gets all workers where it is alone.
    """

    def __init__(self, free: Iterable[T] = ()) -> None:
        self._free: deque[T] = deque(free)
        # In the order of their turns.
        self._waiting: dict[str, deque[asyncio.Future[T]]] = {}
        self._at_work: Counter[str] = Counter()

    @property
    def free(self) -> int:
        return len(self._free)

    def add(self, worker: T) -> None:
        """A worker that is free."""
        self._free.append(worker)
        self._hand_out()

    def take(self, client: str) -> T | None:
        """As `next` where a worker is free, and so nobody waits; else None."""
        if not self._free:
            return None
        self._at_work[client] += 1
        return self._free.popleft()

    async def next(self, client: str) -> T:
        """A worker for this client, as soon as it is its turn; `done` once the client needs it no longer."""
        turn: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(client, deque()).append(turn)
        self._hand_out()
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.done(client)
                self.add(turn.result())
            else:
                self._forget(client, turn)
            raise

    def done(self, client: str) -> None:
        """A worker of this client is at work no longer; `add` says that it is free."""
        self._at_work[client] -= 1
        if self._at_work[client] <= 0:
            del self._at_work[client]

    def _hand_out(self) -> None:
        while self._free and self._waiting:
            client = min(self._waiting, key=lambda each: self._at_work[each])
            turns = self._waiting.pop(client)
            turn = turns.popleft()
            if turns:
                # At the end: the others' turns come first.
                self._waiting[client] = turns
            if not turn.cancelled():
                self._at_work[client] += 1
                turn.set_result(self._free.popleft())

    def _forget(self, client: str, turn: "asyncio.Future[T]") -> None:
        turns = self._waiting.get(client)
        if turns is not None:
            with suppress(ValueError):
                turns.remove(turn)
            if not turns:
                del self._waiting[client]
