"""Faces drawn onto pictures: what is where, and in which colour."""

from dataclasses import replace

import numpy as np
import pytest

from service import images
from service.analysis import Analyzer, Face, Options
from service.classifier import EmotionClassifier
from service.detectors.available import load_detectors
from service.drawing import draw
from service.images import Box

GREY = np.full((240, 320, 3), 90, np.uint8)


@pytest.fixture(scope="module")
def face(classifier: EmotionClassifier) -> Face:
    """A bright face with a heatmap, at (100, 80), 80 wide."""
    analyzer = Analyzer(load_detectors("haar", threads=1), classifier, max_pixels=10**6)
    options = Options(crop="whole", explain="gradcam")
    [found] = analyzer.analyse_image(images.Image(np.full((80, 80), 255, np.uint8)), options).faces
    box = Box(100, 80, 80, 80)
    [explanation] = found.explanations
    return replace(
        found,
        detection=replace(found.detection, box=box),
        explanations=(replace(explanation, box=box),),
        track_id=3,
    )


def changed(picture: np.ndarray) -> np.ndarray:
    return np.argwhere((picture != GREY).any(axis=2))


def test_nothing_is_drawn_without_faces() -> None:
    drawn = draw(GREY, [])
    assert (drawn == GREY).all()
    assert drawn is not GREY


def test_the_box_and_the_label_have_the_labels_colour(face: Face) -> None:
    drawn = draw(GREY, [replace(face, explanations=())])
    colour = drawn[159, 140].tolist()
    assert colour == drawn[120, 100].tolist() == [55, 155, 125], "the second label's"
    assert drawn[120, 140].tolist() == [90, 90, 90], "inside it nothing is covered"
    assert (GREY == 90).all(), "what was handed in is the caller's"
    rows = changed(drawn)[:, 0]
    assert rows.min() < 80 - 8, "the label stands above the box"


def test_the_heatmap_covers_its_square(face: Face) -> None:
    bare, heated = draw(GREY, [replace(face, explanations=())]), draw(GREY, [face])
    places = np.argwhere((bare != heated).any(axis=2))
    assert places.min(axis=0) == pytest.approx([80, 100], abs=3)
    assert places.max(axis=0) == pytest.approx([159, 179], abs=3)


def test_a_tilted_heatmap_is_turned_about_its_centre(face: Face) -> None:
    [explanation] = face.explanations
    tilted = replace(face, explanations=(replace(explanation, degrees=45.0),))
    bare, heated = draw(GREY, [replace(face, explanations=())]), draw(GREY, [tilted])
    places = np.argwhere((bare != heated).any(axis=2))
    # Its upper corner lies under the label.
    assert places.max(axis=0) == pytest.approx([120 + 56.6, 140 + 56.6], abs=5)
    assert places[:, 1].min() == pytest.approx(140 - 56.6, abs=5)


@pytest.mark.parametrize("box", [Box(0, 0, 320, 240), Box(300, 0, 20, 20), Box(0, 230, 10, 10), Box(-30, -30, 50, 50)])
def test_labels_stay_inside_the_picture(face: Face, box: Box) -> None:
    drawn = draw(GREY, [replace(face, explanations=(), detection=replace(face.detection, box=box))])
    colour = (drawn == [55, 155, 125]).all(axis=2)
    assert colour.sum() > 500


def test_letters_that_the_font_lacks(face: Face) -> None:
    for label in ("glücklich", "笑", "<b>"):
        drawn = draw(GREY, [replace(face, labels=(label, label, label), explanations=())])
        assert len(changed(drawn)) > 500
