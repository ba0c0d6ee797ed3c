"""Places: how many streams or videos may run at once."""

from collections.abc import Iterator
from contextlib import contextmanager

from .. import clients
from ..problems import Overloaded
from .budget import Reservation
from .shares import Shares


class Places:
    """At most `most` streams, or videos, at once, and of a client its share. For the event loop's thread."""

    def __init__(self, most: int, *, name: str, retry_after_s: int) -> None:
        self._shares = Shares(
            most,
            of=f"the places for {name}",
            full=f"All {most} places for {name} are taken; try again later.",
            retry_after_s=retry_after_s,
        )
        self._bodies: dict[Reservation, str] = {}

    @property
    def taken(self) -> int:
        return self._shares.taken

    @contextmanager
    def take(self, body: Reservation | None = None) -> Iterator[None]:
        """One place, until the block ends; `body` is what its holder has still to read, where there is such.

        Where none is free, a body that arrives too slowly loses its place. Raises Overloaded where there is none for
        this client.
        """
        client = clients.current()
        try:
            self._shares.take(client)
        except Overloaded:
            if not self._end_slowest(client):
                raise
            self._shares.take(client)
        if body is not None:
            self._bodies[body] = client
        try:
            yield
        finally:
            if body is None or self._bodies.pop(body, None) is not None:
                self._shares.give_back(client)

    def _end_slowest(self, client: str) -> bool:
        """True where a body was slow, of this client or, where all places are taken, of any."""
        of_any = self._shares.taken >= self._shares.most
        slow = [body for body, whose in self._bodies.items() if body.is_slow and (of_any or whose == client)]
        if not slow:
            return False
        slowest = min(slow, key=lambda body: body.bytes_per_s)
        self._shares.give_back(self._bodies.pop(slowest))
        slowest.give_up()
        return True
