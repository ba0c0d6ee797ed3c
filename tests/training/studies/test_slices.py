"""Accuracy by quarter of what the faces look like."""

import numpy as np
import pytest

from training.release import metrics
from training.studies import slices
from training.studies.figures.slices import draw_slices


def faces_of(greys: list[int]) -> np.ndarray:
    """Faces of one grey each: brightness is the grey, sharpness is nothing."""
    return np.stack([np.full((48, 48, 1), grey, np.uint8) for grey in greys])


def test_quarters_by_hand() -> None:
    # Out of order; right only where the face is brighter than half.
    greys = [255, 0, 51, 204, 102, 153, 77, 230]
    labels = np.zeros(8, int)
    probabilities = np.array([[0.9, 0.1] if grey > 127 else [0.1, 0.9] for grey in greys])
    found = slices.measure(faces_of(greys), labels, probabilities)
    assert (found["faces"], found["accuracy"]) == (8, 0.5)
    assert [(row["from"], row["to"]) for row in found["brightness"]] == [
        pytest.approx(pair) for pair in ((0, 0.2), (77 / 255, 0.4), (0.6, 0.8), (230 / 255, 1))
    ]
    assert [row["accuracy"] for row in found["brightness"]] == [0, 0, 1, 1]
    assert [row["faces"] for row in found["brightness"]] == [2, 2, 2, 2]
    assert found["brightness"][3]["accuracy_95"] == list(metrics.wilson(2, 2))


def test_sharpness_parts_soft_from_sharp() -> None:
    faces = np.zeros((8, 48, 48, 1), np.uint8)
    for row, contrast in enumerate((10, 200, 20, 190, 30, 180, 40, 170)):
        faces[row, ::2] = contrast
    labels = np.array([0, 1] * 4)
    found = slices.measure(faces, labels, np.tile([0.9, 0.1], (8, 1)))
    # Every answer is 0, which is the label of the soft ones.
    assert [row["accuracy"] for row in found["sharpness"]] == [1, 1, 0, 0]


def test_equal_faces_still_fill_every_quarter() -> None:
    found = slices.measure(faces_of([7] * 9), np.zeros(9, int), np.tile([0.9, 0.1], (9, 1)))
    assert [row["faces"] for row in found["brightness"]] == [3, 2, 2, 2]


def test_too_few_faces_is_a_sentence() -> None:
    with pytest.raises(ValueError, match="3 faces cannot be divided"):
        slices.measure(faces_of([1, 2, 3]), np.zeros(3, int), np.tile([0.9, 0.1], (3, 1)))


def test_figure_says_the_accuracy_of_every_quarter() -> None:
    faces = faces_of(list(range(0, 240, 20)))
    labels = np.array([0] * 6 + [1] * 6)
    drawn = draw_slices(slices.measure(faces, labels, np.tile([0.9, 0.1], (12, 1))))
    assert [axis.get_title(loc="left") for axis in drawn.axes] == ["By brightness", "By sharpness"]
    assert [text.get_text() for text in drawn.axes[0].texts] == ["100.0", "100.0", "0.0", "0.0"]
