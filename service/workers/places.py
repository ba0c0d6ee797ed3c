"""Places: how many streams or videos may run at once."""

from collections.abc import Iterator
from contextlib import contextmanager

from ..problems import Overloaded


class Places:
    """At most `most` streams, or videos, at once. For the event loop's thread."""

    def __init__(self, most: int, *, name: str, retry_after_s: int) -> None:
        self._most, self._name, self._retry_after_s = most, name, retry_after_s
        self.taken = 0

    @contextmanager
    def take(self) -> Iterator[None]:
        """One place, until the block ends. Raises Overloaded where none is free."""
        if self.taken >= self._most:
            raise Overloaded(
                f"All {self._most} places for {self._name} are taken; try again later.",
                limit=self._most,
                retry_after_s=self._retry_after_s,
            )
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1
