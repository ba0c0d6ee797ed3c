"""Budget: the memory that the bodies of all requests may take together."""

import asyncio
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import Self

from ..problems import BodyTooLarge, Overloaded
from . import heap

# Of the budget, for one client: the last fifth is for the others.
_SHARE = 0.8
# A body that arrives more slowly than this, after PATIENCE_S, is given up where others need its memory or its place.
SLOW_BYTES_PER_S = 2**16
PATIENCE_S = 1.0
# Once so many bytes of bodies were given back, and the tasks that had them have ended, so is the heap that they leave:
# after a hundred uploads of 10 MB it kept 200 MB.
_TRIMMED_BYTES, _TRIMMED_AFTER_S = 2**25, 0.5


class Budget:
    """At most `most` bytes at once, and `most_each` of one client. For the event loop's thread."""

    def __init__(self, most: int) -> None:
        self.most, self.most_each = most, int(_SHARE * most)
        self.held = 0
        self._given_back = 0
        self._held_by: Counter[str] = Counter()
        self.arriving: set[Reservation] = set()
        """Whose bodies are being read."""

    def reserve(self, client: str) -> "Reservation":
        """Nothing yet, for a request of this client; a context manager that gives back what it holds in the end."""
        return Reservation(self, client)

    def change(self, reservation: "Reservation", size: int) -> None:
        """What `Reservation.hold` does."""
        more, client = size - reservation.held, reservation.client
        if more > 0:
            self._make_room(size, more, reservation)
        self.held += more
        self._held_by[client] += more
        if self._held_by[client] <= 0:
            del self._held_by[client]
        reservation.held = size
        self._given_back += max(0, -more)
        if self._given_back >= _TRIMMED_BYTES:
            self._given_back = 0
            asyncio.get_running_loop().call_later(_TRIMMED_AFTER_S, heap.give_back)

    def _make_room(self, size: int, more: int, asking: "Reservation") -> None:
        """Raises BodyTooLarge for more than could ever be held, Overloaded where no room can be made."""
        if size > self.most_each:
            raise BodyTooLarge(
                f"One client may have {self.most_each:,} bytes of bodies here at once.", limit=self.most_each
            )
        for over, of_client in (
            (self._held_by[asking.client] + more - self.most_each, asking.client),
            (self.held + more - self.most, None),
        ):
            if over <= 0:
                continue
            slow = [each for each in self._slow(of_client) if each is not asking]
            if sum(reservation.held for reservation in slow) < over:
                raise Overloaded(
                    "There is no memory left for another body; try again shortly.", limit=self.most, retry_after_s=1
                )
            while over > 0:
                slowest = slow.pop(0)
                over -= slowest.held
                slowest.give_up()

    def _slow(self, client: str | None) -> "list[Reservation]":
        """Bodies (of one client) that arrive too slowly, slowest first."""
        found = [each for each in self.arriving if client in (None, each.client) and each.is_slow]
        return sorted(found, key=lambda each: each.bytes_per_s)


class Reservation:
    """Memory that a request holds: reserved before its body is read, given back when the request ends."""

    def __init__(self, budget: Budget, client: str) -> None:
        self._budget, self.client = budget, client
        self.held = 0
        self.given_up = False
        self._received = 0
        self._since = 0.0
        self._stop: Callable[[], None] = _nothing

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def hold(self, size: int) -> None:
        """Hold so many bytes in all; fewer than before gives some back.

        Raises Overloaded where there are not so many, BodyTooLarge where there could never be.
        """
        self._budget.change(self, size)

    def release(self) -> None:
        self.arrived()
        self.hold(0)

    def arriving(self, stop: Callable[[], None]) -> None:
        """From now on the body is read; `stop` ends that, for `given_up`."""
        self._since, self._stop = asyncio.get_running_loop().time(), stop
        self._budget.arriving.add(self)

    def received(self, size: int) -> None:
        """Count a chunk of the body that is being read, and hold at least as much as has come in all."""
        self._received += size
        if self._received > self.held:
            self.hold(self._received)

    def arrived(self) -> None:
        """The body is read no more; the memory stays held."""
        self._budget.arriving.discard(self)
        self._stop = _nothing

    @property
    def bytes_per_s(self) -> float:
        return self._received / max(self._seconds, 1e-3)

    @property
    def is_slow(self) -> bool:
        """Its body is being read, and has for a while been slower than others should have to wait for."""
        return self in self._budget.arriving and self._seconds > PATIENCE_S and self.bytes_per_s < SLOW_BYTES_PER_S

    def give_up(self) -> None:
        """End the reading of this body. Its memory is counted as free at once, which it is as soon as its task runs."""
        self.given_up = True
        stop = self._stop
        self.release()
        stop()

    @property
    def _seconds(self) -> float:
        return asyncio.get_running_loop().time() - self._since


def _nothing() -> None:
    """Ends no reading."""
