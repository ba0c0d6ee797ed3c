"""How far the reading of videos is: percent and time left, on stderr."""

import csv
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from tqdm import tqdm


class Progress:
    """A bar over all videos, by their bytes; hidden where stderr is no terminal."""

    def __init__(self, sizes: list[int]):
        self._bar = tqdm(
            total=sum(sizes),
            unit="B",
            unit_scale=True,
            disable=not sys.stderr.isatty(),
            leave=False,
            # Every move is shown: there are a few in a second.
            mininterval=0,
            miniters=1,
            bar_format="{desc}{percentage:3.0f}%|{bar}| {remaining} left",
        )
        self._done = self._size = 0
        self._from_s, self._length_s = 0.0, 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()

    def begin(self, path: Path, size: int, from_s: float | None, to_s: float | None) -> Callable[[float | None], None]:
        """The next video; what is returned takes the length that it declares."""
        self._done, self._size = self._done + self._size, size
        self._from_s = from_s or 0.0
        self._bar.set_description_str(f"{path.name}: ")
        self._move(0)

        def on_open(declared_s: float | None) -> None:
            ends = [end_s for end_s in (declared_s, to_s) if end_s is not None]
            self._length_s = min(ends) - self._from_s if ends else 0.0

        return on_open

    def reach(self, time_s: float | None) -> None:
        """A time in the video that has been read."""
        if time_s is not None and self._length_s > 0:
            self._move(min(1.0, max(0.0, (time_s - self._from_s) / self._length_s)))

    def end(self) -> None:
        self._move(1)

    def _move(self, share: float) -> None:
        self._bar.update(max(0, round(self._done + share * self._size) - self._bar.n))


def time_of(line: str, form: str) -> float | None:
    """The time in seconds that a line of an answer is about; None for a line without one."""
    try:
        if form == "ndjson":
            return float(json.loads(line)["time_s"])
        if form == "csv":
            return float(next(csv.reader([line]))[1])
        hours, minutes, seconds = line.partition(" --> ")[2].split(":")
        return 3600 * float(hours) + 60 * float(minutes) + float(seconds)
    except (ValueError, KeyError, TypeError, IndexError, StopIteration):
        return None
