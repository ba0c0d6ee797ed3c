"""Waiting: the frames of a session that wait to be analysed or answered."""

from collections import deque

from .protocol import Frame


class Waiting:
    """The newest frame, and those that it has replaced.

    They are not answered yet, so the client has no credit for them.
    """

    def __init__(self) -> None:
        self._newest: Frame | None = None
        self._replaced: deque[Frame] = deque()

    def __bool__(self) -> bool:
        """True where a frame waits to be analysed."""
        return self._newest is not None

    def put(self, frame: Frame) -> None:
        if self._newest is not None:
            self._replaced.append(self._newest)
        self._newest = frame

    def take(self) -> Frame | None:
        """The newest frame, which waits no longer."""
        frame, self._newest = self._newest, None
        return frame

    def take_replaced(self) -> Frame | None:
        """The oldest of the frames that were replaced."""
        return self._replaced.popleft() if self._replaced else None
