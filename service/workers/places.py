"""Places: how many streams or videos may run at once."""

from collections.abc import Iterator
from contextlib import contextmanager

from .. import clients
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

    @property
    def taken(self) -> int:
        return self._shares.taken

    @contextmanager
    def take(self) -> Iterator[None]:
        """One place, until the block ends. Raises Overloaded where none is free for this client."""
        client = clients.current()
        self._shares.take(client)
        try:
            yield
        finally:
            self._shares.give_back(client)
