"""Which frames of a stream are searched everywhere."""

import json

import pytest

from service.analysis import Options
from service.schedule import EVERY_FRAMES, EVERY_S, NEVER_SEARCHED, Schedule

OPTIONS = Options()


def searched(frame_s: float, frames: int, *, lost: tuple[int, ...] = ()) -> list[int]:
    """The numbers of the frames that are searched everywhere; in those of `lost` a face is not found again."""
    schedule, numbers = NEVER_SEARCHED, []
    for number in range(frames):
        everywhere = schedule.is_due(number * frame_s, OPTIONS) or number in lost
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
    assert NEVER_SEARCHED.after(0.0, OPTIONS, everywhere=True).is_due(0.03, options) is due


def test_it_travels_as_json() -> None:
    schedule = NEVER_SEARCHED.after(3.5, OPTIONS, everywhere=True).after(3.6, OPTIONS, everywhere=False)
    assert Schedule.restored(json.loads(json.dumps(schedule.state()))) == schedule
    assert Schedule.restored(json.loads(json.dumps(NEVER_SEARCHED.state()))) == NEVER_SEARCHED
