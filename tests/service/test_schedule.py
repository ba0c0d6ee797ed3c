"""Which frames of a stream are searched everywhere."""

import json

import pytest

from service.analysis import Options
from service.detectors.base import Expected
from service.images import Box
from service.schedule import EVERY_FRAMES, EVERY_S, NEVER_SEARCHED, Schedule

OPTIONS = Options()


def searched(frame_s: float, frames: int, *, lost: tuple[int, ...] = (), busy: bool = False) -> list[int]:
    """The numbers of the frames that are searched everywhere; in those of `lost` a face is not found again."""
    schedule, numbers = NEVER_SEARCHED, []
    for number in range(frames):
        everywhere = schedule.is_due(number * frame_s, OPTIONS, busy=busy) or number in lost
        schedule = schedule.after(number * frame_s, OPTIONS, everywhere=everywhere)
        if everywhere:
            numbers.append(number)
    return numbers


def test_the_first_frame_and_then_every_tenth() -> None:
    assert searched(1 / 30, 31) == [0, 10, 20, 30]
    assert EVERY_FRAMES == 10


def test_at_the_latest_after_a_second() -> None:
    assert searched(0.25, 13) == [0, 4, 8, 12]
    assert searched(2.0, 4) == [0, 1, 2, 3]
    assert EVERY_S == 1.0


@pytest.mark.parametrize("frame_s", [1 / 30, 0.25, 2.0])
def test_every_fifteenth_frame_where_others_wait(frame_s: float) -> None:
    """However rare the frames are. Otherwise a service with many streams would be the busier the slower it gets."""
    assert searched(frame_s, 31, busy=True) == [0, 15, 30]


SEEN, MISSED = Expected(Box(0, 0, 9, 9), 0.5), Expected(Box(40, 0, 9, 9), 0.5, required=False)


@pytest.mark.parametrize(
    ("faces", "busy", "near"),
    [
        ([SEEN], False, [SEEN]),
        ([SEEN, MISSED], False, []),
        ([SEEN, MISSED], True, [SEEN, MISSED]),
        ([], True, []),
    ],
)
def test_a_missed_face_is_looked_for_everywhere_unless_others_wait(
    faces: list[Expected], busy: bool, near: list[Expected]
) -> None:
    schedule = NEVER_SEARCHED.after(0.0, OPTIONS, everywhere=True)
    assert list(schedule.near(faces, 0.03, OPTIONS, busy=busy)) == near
    assert not NEVER_SEARCHED.near(faces, 0.03, OPTIONS, busy=busy)


def test_the_count_begins_anew_where_a_face_was_lost() -> None:
    assert searched(1 / 30, 25, lost=(4,)) == [0, 4, 14, 24]


@pytest.mark.parametrize(
    ("options", "due"),
    [
        (OPTIONS, False),
        (Options(explain="gradcam"), False),
        (Options(detector="centerface"), True),
        (Options(min_face_px=20), True),
        (Options(max_faces=3), True),
    ],
)
def test_options_that_decide_which_faces_are_found_begin_anew(options: Options, due: bool) -> None:
    assert NEVER_SEARCHED.after(0.0, OPTIONS, everywhere=True).is_due(0.03, options, busy=False) is due


def test_it_travels_as_json() -> None:
    schedule = NEVER_SEARCHED.after(3.5, OPTIONS, everywhere=True).after(3.6, OPTIONS, everywhere=False)
    assert Schedule.restored(json.loads(json.dumps(schedule.state()))) == schedule
    assert Schedule.restored(json.loads(json.dumps(NEVER_SEARCHED.state()))) == NEVER_SEARCHED
