"""Changed pictures and what they cost."""

import json
import math
from functools import partial

import numpy as np
import pytest

from service.images import Box
from training.data.dataset import Dataset
from training.studies import changes, robustness
from training.studies.figures.robustness import draw_robustness

MARGIN = -0.04


def bright_or_dark(faces: np.ndarray) -> np.ndarray:
    """Two classes, 0 for faces whose middle is darker than half."""
    bright = faces[:, 16:32, 16:32, 0].mean((1, 2)) / 255
    return np.stack([1 - bright, bright], axis=1)


def left_or_right(faces: np.ndarray) -> np.ndarray:
    """Two classes by the brighter half: what mirroring turns round."""
    left, right = faces[:, :, :24].mean((1, 2, 3)), faces[:, :, 24:].mean((1, 2, 3))
    return np.stack([left, right], axis=1) / (left + right)[:, None]


@pytest.fixture
def faces() -> np.ndarray:
    """Eight plain faces: four of grey 100, four of grey 200."""
    return np.repeat(np.array([100, 200], np.uint8), 4)[:, None, None, None] * np.ones((1, 48, 48, 1), np.uint8)


LABELS = np.repeat([0, 1], 4)


def by_name(result: dict) -> dict[str, dict]:
    return {row["name"]: row for row in result["conditions"]}


def test_losses_by_hand(faces: np.ndarray) -> None:
    result = robustness.measure(bright_or_dark, faces, LABELS, MARGIN)
    assert json.loads(json.dumps(result)) == result
    rows = by_name(result)
    assert (result["faces"], result["clean"]) == (8, 1.0)
    # 200 x 0.5 is dark, and 100 x 1.5 is bright: half of the answers change either way.
    for name in ("darker by half", "brighter by half"):
        assert (rows[name]["accuracy"], rows[name]["loss_points"]) == (0.5, 50)
    for name in ("rotated by up to 15 degrees", "shifted and scaled by up to 15%", "JPEG of quality 30"):
        assert (rows[name]["accuracy"], rows[name]["loss_points"], rows[name]["allowed_points"]) == (1, 0, 5)
    assert rows["24 pixels wide"]["allowed_points"] == 10
    assert rows["rotated by up to 15 degrees"]["worst"]["loss_points"] == 0
    assert rows[robustness.CUT] == {
        "name": robustness.CUT,
        "faces": 0,
        "clean": None,
        "accuracy": None,
        "loss_points": None,
        "allowed_points": 5,
    }
    assert robustness.failures(result) == [
        f"{robustness.CUT}: no face was found",
        "darker by half: 50.0 points are lost, 5 are allowed",
        "brighter by half: 50.0 points are lost, 5 are allowed",
    ]


def test_the_worst_extreme_is_the_one_that_costs_most() -> None:
    # A bright strip along the top, wanted in the topmost rows: only moving it up, out of the picture, loses it; the
    # last row goes on when it is moved down.
    faces = np.zeros((2, 48, 48, 1), np.uint8)
    faces[:, 2:7] = 255

    def strip(given: np.ndarray) -> np.ndarray:
        seen = given[:, :8].mean((1, 2, 3)) / 255
        return np.stack([seen > 0.2, seen <= 0.2], axis=1).astype(float)

    ends = robustness.Condition(
        "moved",
        lambda given: given,
        extremes=(
            ("across", partial(changes.move, across=0.15)),
            ("up", partial(changes.move, down=-0.15)),
        ),
    )
    row = robustness.under(ends, strip, faces, np.zeros(2, int), np.ones(2, bool))
    assert row["loss_points"] == 0
    assert row["worst"] == {"name": "up", "accuracy": 0.0, "loss_points": 100.0}


def test_mirror_difference_is_the_mean_over_faces_and_labels() -> None:
    faces = np.zeros((2, 48, 48, 1), np.uint8)
    faces[0, :, :24] = 200
    faces[1] = 90
    # The first face turns from (1, 0) to (0, 1), the second stays at (0.5, 0.5).
    result = robustness.measure(left_or_right, faces, np.array([0, 0]), MARGIN)
    assert result["mirror_difference"] == 0.5
    assert "mirrored: probabilities differ by 0.5000, less than 0.02 is allowed" in robustness.failures(result)


@pytest.mark.parametrize(("loss", "broken"), [(5.0, 0), (5.01, 1), (-2.0, 0)])
def test_a_loss_of_what_is_allowed_passes(loss: float, broken: int) -> None:
    row = {"name": "a", "faces": 100, "clean": 0.7, "accuracy": 0.65, "loss_points": loss, "allowed_points": 5.0}
    assert len(robustness.failures({"mirror_difference": 0.01, "conditions": [row]})) == broken


def test_a_loss_of_exactly_the_limit_is_no_rounding_error() -> None:
    before, after = np.arange(100) < 70, np.arange(100) < 65
    assert robustness.compare("a", before, after, 5.0)["loss_points"] == 5.0


# --- changes -----------------------------------------------------------------------------------


def spot(x: int, y: int) -> np.ndarray:
    faces = np.zeros((1, 48, 48, 1), np.uint8)
    faces[0, y - 1 : y + 2, x - 1 : x + 2] = 255
    return faces


def centre_xy(faces: np.ndarray) -> tuple[float, float]:
    weights = faces[0, :, :, 0].astype(float)
    rows, columns = np.indices(weights.shape)
    return float((weights * columns).sum() / weights.sum()), float((weights * rows).sum() / weights.sum())


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({"across": 0.125}, (36, 20)),
        ({"down": -0.125}, (30, 14)),
        ({"scale": 1.15}, (23.5 + 6.5 * 1.15, 23.5 - 3.5 * 1.15)),
        # Counter-clockwise: to the right of the middle goes up.
        (
            {"degrees": 15},
            (
                23.5 + 6.5 * math.cos(math.radians(15)) - 3.5 * math.sin(math.radians(15)),
                23.5 - 6.5 * math.sin(math.radians(15)) - 3.5 * math.cos(math.radians(15)),
            ),
        ),
    ],
)
def test_moves_about_the_middle(change: dict, wanted: tuple[float, float]) -> None:
    assert centre_xy(changes.move(spot(30, 20), **change)) == pytest.approx(wanted, abs=0.1)


def test_edge_pixels_go_on_beyond_the_picture() -> None:
    ramp = np.tile(np.arange(48, dtype=np.uint8), (48, 1))[None, :, :, None]
    moved = changes.move(ramp, across=0.125)[0, 10, :, 0]
    assert moved[:7].tolist() == [0] * 7
    assert moved[47] == 41


def test_draws_are_each_face_s_own_and_the_same_again() -> None:
    faces = np.repeat(spot(24, 24), 5, axis=0)
    for change in (changes.shift_and_scale, partial(changes.rotate)):
        once = change(faces)
        np.testing.assert_array_equal(once, change(faces))
        assert not np.array_equal(once[0], once[1])


def test_light_clips() -> None:
    faces = np.array([0, 101, 200], np.uint8)[:, None, None, None]
    assert changes.light(faces, 1.5).ravel().tolist() == [0, 152, 255]
    assert changes.light(faces, 0.5).ravel().tolist() == [0, 50, 100]


def test_small_and_compressed_faces_lose_what_is_fine() -> None:
    lines = np.zeros((2, 48, 48, 1), np.uint8)
    lines[:, ::2] = 200
    assert set(changes.shrink(lines).ravel().tolist()) == {100}
    noise = np.random.default_rng(0).integers(0, 256, (2, 48, 48, 1), dtype=np.uint8)
    packed = changes.compress(noise)
    assert packed.shape == noise.shape
    assert 5 < np.abs(packed.astype(int) - noise).mean() < 60


def test_overlap() -> None:
    assert changes.overlap(Box(0, 0, 4, 4), Box(2, 2, 4, 4)) == 4 / 28
    assert changes.overlap(Box(0, 0, 4, 4), Box(4, 0, 4, 4)) == 0
    assert changes.overlap(Box(0, 0, 4, 4), Box(0, 0, 4, 4)) == 1


def test_real_faces_are_found_and_cut_much_as_they_were(real_data: Dataset) -> None:
    faces = real_data.train.faces[:40]
    cut, rows = changes.recut(faces, MARGIN)
    assert 20 <= len(rows) == len(cut)
    assert cut.dtype == np.uint8
    assert cut.shape[1:] == (48, 48, 1)

    def alike(rows: np.ndarray) -> float:
        middles = zip(cut[:, 8:40, 8:40], faces[rows, 8:40, 8:40], strict=True)
        return float(np.median([np.corrcoef(new.ravel(), old.ravel())[0, 1] for new, old in middles]))

    assert alike(rows) > 0.55
    # The next face instead of its own.
    assert alike(np.roll(rows, 1)) < 0.4


# --- picture -----------------------------------------------------------------------------------


def test_figure_has_a_bar_for_every_condition_with_faces(faces: np.ndarray) -> None:
    result = robustness.measure(bright_or_dark, faces, LABELS, MARGIN)
    axis = draw_robustness(result).axes[0]
    words = [text.get_text() for text in axis.texts]
    assert len(words) == len(result["conditions"]) - 1
    assert "50.0 %  (-50.0)" in words
    assert [patch.get_width() for patch in axis.patches].count(50) == 2
