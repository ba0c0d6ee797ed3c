"""A video file, read in the test's own process."""

import io
from typing import Any

import pytest

from service.problems import Problem
from service.video.reader import Video


def opened(body: bytes, *, max_pixels: int = 10_000_000, max_s: float = 3600) -> Video:
    return Video(io.BytesIO(body), max_pixels=max_pixels, max_s=max_s)


def times(body: bytes, **options: Any) -> list[float]:
    return [round(frame.time_s, 3) for frame in opened(body).frames(**{"fps": 60, **options})]


def until_it_breaks(body: bytes, **limits: Any) -> tuple[list[float], Problem]:
    """The times of the frames before the damage, and what was said of it."""
    seen: list[float] = []
    frames = opened(body, **limits).frames(fps=60)
    with pytest.raises(Problem) as caught:
        seen.extend(frame.time_s for frame in frames)
    return seen, caught.value
