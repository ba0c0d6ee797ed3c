"""FrameMemory: what the frames of one stream take of the budget, from their first byte to their answer."""

from collections.abc import Iterator
from contextlib import contextmanager

from .. import clients
from ..problems import Overloaded, Problem
from ..workers.budget import Budget, Reservation
from .protocol import CloseCode, Closing


class FrameMemory:
    """Counts bytes that the connection has and the session has not taken, and those of frames without an answer.

    Nothing is counted before the session has begun: until then the connection reads nothing.
    """

    def __init__(self) -> None:
        self._reservation: Reservation | None = None
        self._arriving = self._unanswered = 0

    @contextmanager
    def counted_in(self, budget: Budget) -> Iterator[None]:
        """Until the block ends, as the current client's."""
        with budget.reserve(clients.current()) as self._reservation:
            try:
                yield
            finally:
                self._reservation = None

    def arrive(self, size: int) -> None:
        """The connection has so many bytes now. Raises Closing where there is no memory for them."""
        self._arriving = size
        self._hold()

    def take(self, size: int) -> None:
        """The session has a frame of so many bytes. Raises Closing as `arrive`."""
        self._unanswered += size
        self._hold()

    def give_back(self, size: int) -> None:
        """A frame of so many bytes is answered."""
        self._unanswered -= size
        self._hold()

    def _hold(self) -> None:
        if self._reservation is None:
            return
        try:
            self._reservation.hold(self._arriving + self._unanswered)
        except Problem as problem:
            full = isinstance(problem, Overloaded)
            raise Closing(CloseCode.TRY_AGAIN_LATER if full else CloseCode.MESSAGE_TOO_BIG, problem.detail) from problem
