"""The margin around a detected face."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from service.detectors.haar import HaarDetector
from training.data.dataset import Dataset
from training.release import framing


def found(coverage: float) -> dict:
    return {"coverage": {"0.5": coverage}}


def test_chooses_the_margin_that_frames_alike() -> None:
    candidates = {-0.1: found(1.2), 0.0: found(1.03), 0.1: found(0.9)}
    assert framing.choose(found(1.0), candidates) == 0.0


def test_margin_is_the_measured_one_or_the_constant(data: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "framing.json"
    other = replace(data, name="mine", labels=("a", "b"))
    assert [framing.margin(path, each) for each in (data, other)] == [framing.MARGIN, 0]
    path.write_text(json.dumps({"margin": 0.05}))
    assert [framing.margin(path, each) for each in (data, other)] == [0.05, 0]
    path.write_text(json.dumps({"data": "mine", "margin": 0.05}))
    assert [framing.margin(path, each) for each in (data, other)] == [framing.MARGIN, 0.05]


def test_nothing_is_found_where_there_is_no_face() -> None:
    assert framing.locate(HaarDetector(), np.full((48, 48), 128, np.uint8)) is None


def test_no_photo_with_a_face_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no photo with a face"):
        framing.faces_of_photos(HaarDetector(), tmp_path)
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"broken\.jpg"):
        framing.faces_of_photos(HaarDetector(), tmp_path)


def test_measured_on_real_faces(
    fer2013: Path, real_data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = fer2013.parents[2] / "media/photos"
    if not photos.exists():
        pytest.skip(f"needs photos at {photos}")
    # Five margins instead of sixteen; the rest is as it ships.
    monkeypatch.setattr(framing, "MARGINS", framing.MARGINS[::4])
    for name in ("astronaut_smile.jpg", "portrait_smile.jpg", "voc_two_laughing.jpg"):
        shutil.copy(photos / name, tmp_path)
    measured = framing.measure(real_data, tmp_path, 40)
    assert measured["margin"] in framing.MARGINS
    assert measured["faces"]["found"] >= 20
    # A wider crop shows a smaller face.
    medians = [row["coverage"]["0.5"] for row in measured["photos"]["by_margin"].values()]
    assert medians[0] > medians[len(medians) // 2] > medians[-1]
    assert "nearest to FER-2013" in framing.table(measured)
