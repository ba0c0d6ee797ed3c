"""Tracks: which face is which from frame to frame, and what is averaged; with made up boxes."""

import numpy as np
import pytest

from service.analysis import Face
from service.detectors.base import Expected
from service.detectors.near import REACH
from service.images import Box
from service.tracking import MISSES
from tests.service.tracks import face, ids, tracker

FRAME_S = {"30 fps": 1 / 30, "5 fps": 1 / 5}


@pytest.fixture(params=FRAME_S.values(), ids=list(FRAME_S))
def frame_s(request: pytest.FixtureRequest) -> float:
    seconds: float = request.param
    return seconds


# --- who is who --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        ([[], []], [[], []]),
        ([[face(100)], [], [face(100)]], [[1], [], [1]]),
        ([[face(100), face(400)]] * 2, [[1, 2], [1, 2]]),
        ([[face(100), face(400)], [face(402), face(101)]], [[1, 2], [2, 1]]),
        # one leaves, another comes elsewhere
        ([[face(100), face(400)], [face(400), face(900)]], [[1, 2], [2, 3]]),
        # further than a face can jump
        ([[face(100)], [face(350)]], [[1], [2]]),
        # nearer than that, without a known velocity
        ([[face(100)], [face(160)]], [[1], [1]]),
        # a face-like pattern inside the face
        ([[face(100)], [face(100, side=30)]], [[1], [2]]),
        # found twice for a moment: one keeps the id, and the other's copy does not take over
        ([[face(100)], [face(100), face(100)], [face(100)]], [[1], [1, 2], [1]]),
        ([[face(100)], [face(104), face(100)], [face(104)]], [[1], [2, 1], [1]]),
    ],
)
def test_ids(frames: list[list[Face]], expected: list[list[int]]) -> None:
    assert ids(frames) == expected


@pytest.mark.parametrize("speed", [0, 30])
@pytest.mark.parametrize("missed", range(MISSES + 2))
def test_a_face_may_be_missed_three_times(frame_s: float, missed: int, speed: float) -> None:
    frames = [[face(100 + speed * n)] for n in range(10)]
    frames += [[]] * missed
    frames += [[face(100 + speed * n)] for n in range(10 + missed, 12 + missed)]
    found = ids(frames, frame_s)
    assert found[:10] == [[1]] * 10
    assert found[-2:] == ([[1]] * 2 if missed <= 3 else [[2]] * 2)


def test_a_face_that_stops_while_out_of_sight_is_the_same() -> None:
    frames = [[face(100 + 28 * n)] for n in range(10)] + [[]] * 3 + [[face(352)]] * 2
    assert ids(frames, FRAME_S["5 fps"]) == [[1]] * 10 + [[]] * 3 + [[1]] * 2


@pytest.mark.parametrize("hidden", [0, 2, 3])
@pytest.mark.parametrize("speed", [8, 20, 40])
def test_faces_cross(frame_s: float, speed: int, hidden: int) -> None:
    """One goes right and one left, at the same height; the second is hidden while they meet, and order says nothing."""
    count = 2 * (200 // speed) + 1
    begin = count // 2 - hidden // 2
    frames, owners = [], []
    for n in range(count):
        # Half a step apart where they meet: equal boxes would be anybody's.
        first, second = face(100 + speed * n), face(100 + speed * (count - 0.5 - n))
        pair = [(first, 1)] if begin <= n < begin + hidden else [(first, 1), (second, 2)][:: -1 if n % 2 else 1]
        frames.append([each for each, _ in pair])
        owners.append([owner for _, owner in pair])
    assert ids(frames, frame_s) == owners


@pytest.mark.parametrize("seed", range(20))
def test_faces_that_tremble_cross(frame_s: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    frames = []
    for n in range(52):
        jitter = random.normal(0, 1.5, (2, 2))
        first, second = (jitter + np.array([(100 + 8 * n, 100), (508 - 8 * n, 100)])).tolist()
        frames.append([face(*first), face(*second)])
    found = ids(frames, frame_s)
    assert (found[0], found[-1]) == ([1, 2], [1, 2])


def test_jitter_and_growth_change_nothing(frame_s: float) -> None:
    random = np.random.default_rng(7)
    frames = []
    for n in range(60):
        jitter = random.normal(0, 4, (2, 2))
        near = face(200 + jitter[0, 0], 200 + jitter[0, 1], side=60 * 1.03**n + random.normal(0, 3))
        far = face(700 + jitter[1, 0], 200 + jitter[1, 1], side=60 + random.normal(0, 3))
        frames.append([near, far])
    assert ids(frames, frame_s) == [[1, 2]] * 60


def test_ids_are_unique_in_a_frame_and_never_given_twice() -> None:
    random = np.random.default_rng(3)
    followed = tracker()
    for n in range(100):
        places = random.uniform(30, 500, (random.integers(0, 9), 3)).tolist()
        faces = [face(x, y, side) for x, y, side in places]
        found = followed.follow(faces, n / 10)
        assert [each.box for each in found] == [each.box for each in faces]
        assert len({each.track_id for each in found}) == len(faces)


def test_one_tracker_knows_nothing_of_another() -> None:
    assert ids([[face(100)]]) == ids([[face(900)]]) == [[1]]


# --- averages ----------------------------------------------------------------------------------

A, B = (0.9, 0.1, 0.0), (0.1, 0.2, 0.7)


def test_without_smoothing_a_frame_stands_alone() -> None:
    followed = tracker()
    for at_s, row in ((0, A), (0, B), (0.1, A)):
        (found,) = followed.follow([face(100, probabilities=row)], at_s)
        assert found.probabilities.tolist() == list(row)


def test_a_frame_keeps_the_weight_that_smoothing_says_for_each_second() -> None:
    followed = tracker(smoothing=0.25)
    followed.follow([face(100, probabilities=A)], 10.0)
    (found,) = followed.follow([face(100, probabilities=B)], 10.5)
    assert found.probabilities == pytest.approx((0.5 * np.array(A) + np.array(B)) / 1.5)
    assert found.probabilities.sum() == pytest.approx(1, abs=1e-12)
    assert found.prediction_set == (2, 0)


def test_with_one_the_mean_is_over_the_whole_track() -> None:
    followed = tracker(smoothing=1.0)
    rows = [A, B, B, A, A]
    for n, row in enumerate(rows):
        (found,) = followed.follow([face(100, probabilities=row)], n)
    assert found.probabilities == pytest.approx(np.mean(rows, axis=0))


def test_the_frame_rate_does_not_change_the_average() -> None:
    """A second of one expression, a second of another: 10 and 60 frames a second come to nearly the same."""
    answers = []
    for fps in (10, 60):
        followed = tracker(smoothing=0.3)
        for n in range(2 * fps):
            (found,) = followed.follow([face(100, probabilities=A if n < fps else B)], n / fps)
        answers.append(found.probabilities)
    assert answers[0] == pytest.approx(answers[1], abs=0.03)
    assert 0.1 < answers[0][0] < 0.5


def test_smoothing_can_change_on_the_way() -> None:
    followed = tracker()
    followed.follow([face(100, probabilities=A)], 0)
    followed.smoothing = 1
    (found,) = followed.follow([face(100, probabilities=B)], 1)
    assert found.probabilities == pytest.approx(np.mean([A, B], axis=0))


def test_each_track_has_its_own_average() -> None:
    followed = tracker(smoothing=1.0)
    for n in range(3):
        left, right = followed.follow([face(100, probabilities=A), face(500, probabilities=B)], n)
    assert left.probabilities == pytest.approx(np.array(A))
    assert right.probabilities == pytest.approx(np.array(B))


def test_a_clock_that_goes_backwards_stands_still() -> None:
    followed = tracker(smoothing=0.5)
    for at_s in (1000, -1000, 0):
        (found,) = followed.follow([face(100, probabilities=A)], at_s)
    assert found.track_id == 1
    assert found.probabilities == pytest.approx(np.array(A))


# --- where they are expected -------------------------------------------------------------------


def test_faces_are_expected_where_they_move_to() -> None:
    followed = tracker()
    assert followed.expected(0.0) == ()
    for n in range(10):
        followed.follow([face(100 + 20 * n), face(600)], n / 10)
    moving, still = (each.box for each in followed.expected(1.0))
    # With COASTING_S it is expected a little less far than 20 pixels from 280.
    assert 295 - 50 <= moving.x <= 300 - 50
    assert (moving.y, moving.width, moving.height) == (50, 100, 100)
    assert still == Box(550, 50, 100, 100)
    # A time before the last frame's is the last frame's.
    assert followed.expected(0.0)[0].box.x == 280 - 50


def test_a_missed_face_is_expected_but_not_required() -> None:
    followed = tracker()
    followed.follow([face(100), face(600)], 0.0)
    for n in range(1, MISSES + 1):
        followed.follow([face(100)], n / 10)
        seen, missed = followed.expected(n / 10)
        assert (seen.box, seen.required) == (Box(50, 50, 100, 100), True)
        assert missed == Expected(Box(550, 50, 100, 100), REACH, required=False)
    followed.follow([face(100)], 1.0)
    assert followed.expected(1.0) == (Expected(Box(50, 50, 100, 100), REACH),)


def test_nothing_is_expected_where_the_last_frame_showed_no_face() -> None:
    followed = tracker()
    followed.follow([face(100)], 0.0)
    followed.follow([], 0.1)
    assert followed.expected(0.1) == ()


def test_a_face_may_be_further_from_where_it_is_expected_when_frames_are_rare() -> None:
    followed = tracker()
    followed.follow([face(100)], 0.0)
    often, rare = (followed.expected(at_s)[0].reach for at_s in (1 / 30, 0.2))
    assert (often, rare) == pytest.approx((0.5, 1.0))
