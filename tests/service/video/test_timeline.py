"""Timeline: from when to when each face was seen, and what it showed on average."""

import numpy as np
import pytest

from service.video.timeline import Timeline


def test_nothing_was_seen() -> None:
    timeline = Timeline()
    timeline.add([], 0.0)
    assert timeline.frames == 1
    assert timeline.tracks == []


def test_each_track_has_its_times_and_its_mean() -> None:
    calm, glad = np.array([1.0, 0.0]), np.array([0.0, 1.0])
    timeline = Timeline()
    timeline.add([(1, calm)], 0.5)
    timeline.add([(2, glad), (1, glad)], 1.0)
    timeline.add([], 1.5)
    timeline.add([(1, glad)], 2.0)
    assert timeline.frames == 4
    first, second = timeline.tracks
    assert (first.number, first.from_s, first.to_s) == (1, 0.5, 2.0)
    assert first.mean == pytest.approx([1 / 3, 2 / 3])
    assert (second.number, second.from_s, second.to_s) == (2, 1.0, 1.0)
    assert second.mean == pytest.approx([0, 1])
    assert calm.tolist() == [1, 0], "what was handed in is the caller's"
