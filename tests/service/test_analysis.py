"""The pipeline, with a network that calls bright faces bright."""

from pathlib import Path

import numpy as np
import pytest

from service.analysis import Analyzer, Options
from service.classifier import EmotionClassifier
from service.detectors.available import Detectors
from service.detectors.haar import HaarDetector
from service.problems import InvalidOption
from tests.service.conftest import LABELS, METADATA, brightness_network, encoded


@pytest.fixture(scope="module")
def analyzer(classifier: EmotionClassifier) -> Analyzer:
    return Analyzer(Detectors({"haar": HaarDetector()}), classifier, max_pixels=25_000_000)


WHOLE = Options(crop="whole")


@pytest.mark.parametrize(("grey", "index"), [(0, 0), (255, 1)])
def test_a_whole_image_is_one_face(analyzer: Analyzer, grey: int, index: int) -> None:
    found = analyzer.analyse(encoded(np.full((30, 20), grey)), WHOLE)
    (face,) = found.faces
    assert found.size_wh == (20, 30)
    assert (face.box.x, face.box.y, face.box.width, face.box.height) == (0, 0, 20, 30)
    assert face.probabilities.argmax() == index
    assert face.detector is None
    assert face.detection.weight is None
    assert face.prediction_set == (index,)
    assert face.brightness == pytest.approx(grey / 255)


def test_halfway_both_are_plausible_likeliest_first(analyzer: Analyzer) -> None:
    (face,) = analyzer.analyse(encoded(np.full((8, 8), 129)), WHOLE).faces
    assert face.prediction_set == (1, 0)


def test_the_answer_is_plausible_even_where_nothing_reaches_the_threshold(tmp_path: Path) -> None:
    path = tmp_path / "strict.onnx"
    path.write_bytes(brightness_network(METADATA | {"prediction_set_threshold": "0.9"}))
    strict = Analyzer(Detectors({"haar": HaarDetector()}), EmotionClassifier(path), max_pixels=100)
    (face,) = strict.analyse(encoded(np.full((8, 8), 129)), WHOLE).faces
    assert face.prediction_set == (1,)


def test_a_face_is_found_and_no_face_is_an_answer(analyzer: Analyzer, photo: bytes, white: bytes) -> None:
    found = analyzer.analyse(photo, Options())
    assert len(found.faces) == 1
    assert found.faces[0].detector == "haar_frontalface_default"
    assert list(found.timing_ms) == ["decode", "detect", "infer", "explain"]
    assert analyzer.analyse(white, Options()).faces == ()


@pytest.mark.parametrize(
    ("target", "explained"), [("top", ["bright"]), ("all", list(LABELS)), ("dark", ["dark"]), ("never", ["never"])]
)
def test_targets(analyzer: Analyzer, white: bytes, target: str, explained: list[str]) -> None:
    (face,) = analyzer.analyse(white, Options(crop="whole", explain="gradcam", target=target)).faces
    assert [each.target for each in face.explanations] == explained
    assert {each.media_type for each in face.explanations} == {"image/png"}


def test_overlay_is_a_jpeg(analyzer: Analyzer, white: bytes) -> None:
    (face,) = analyzer.analyse(white, Options(crop="whole", explain="gradcam", heatmap="overlay")).faces
    assert face.explanations[0].media_type == "image/jpeg"
    assert face.explanations[0].data.startswith(b"\xff\xd8\xff")


def test_no_explanation_unless_asked_for(analyzer: Analyzer, white: bytes) -> None:
    (face,) = analyzer.analyse(white, WHOLE).faces
    assert face.explanations == ()


@pytest.mark.parametrize("explain", ["none", "gradcam"])
def test_an_unknown_target_is_refused_with_the_labels(analyzer: Analyzer, white: bytes, explain: str) -> None:
    with pytest.raises(InvalidOption, match="top, all, dark, bright, never"):
        analyzer.analyse(white, Options(target="joy", explain=explain))  # type: ignore[arg-type]


def test_warnings_name_what_is_unlike_the_training_faces(analyzer: Analyzer) -> None:
    (black,) = analyzer.analyse(encoded(np.zeros((4, 4))), WHOLE).faces
    assert black.warnings == ("small", "blurred", "dark")
    checks = np.indices((64, 64)).sum(0) // 8 % 2 * 255
    (sharp,) = analyzer.analyse(encoded(checks), WHOLE).faces
    assert sharp.warnings == ()
