"""Every form of a picture gives the same answer, and results as tables."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fer_client import Client, Result, VideoFrame, to_pandas
from fer_client.cli.pictures import converted
from fer_client.images import body_of
from service import images
from tests.client.conftest import PHOTO


@pytest.fixture(scope="module")
def grey() -> Any:
    """The photo as the service decodes it."""
    return images.decode(PHOTO.read_bytes(), max_pixels=10**7).grey


def test_every_form_gives_the_same_faces(url: str, grey: Any) -> None:
    image_module = pytest.importorskip("PIL.Image", reason="needs pillow (make test installs it)")
    content = PHOTO.read_bytes()
    forms: list[Any] = [content, bytearray(content), memoryview(content), str(PHOTO), PHOTO, io.BytesIO(content)]
    with Client(url) as client, PHOTO.open("rb") as file:
        wanted = client.predict(content).faces
        for form in (*forms, file):
            assert client.predict(form).faces == wanted
        decoded = [grey, np.repeat(grey[..., None], 3, axis=2), image_module.fromarray(grey)]
        exact = client.predict(decoded[0]).faces
        assert exact[0].box == wanted[0].box
        for form in decoded[1:]:
            assert client.predict(form).faces == exact


def test_an_array_keeps_its_colours_and_its_places() -> None:
    image_module = pytest.importorskip("PIL.Image", reason="needs pillow (make test installs it)")
    pixels = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    for array in (pixels, pixels[:, ::-1], pixels[..., 0], np.dstack([pixels, pixels[..., :1]])):
        body = body_of(array)
        assert isinstance(body, bytes)
        assert (np.asarray(image_module.open(io.BytesIO(body))) == array).all()


def test_a_picture_is_turned_upright() -> None:
    image_module = pytest.importorskip("PIL.Image", reason="needs pillow (make test installs it)")
    picture = image_module.new("RGB", (4, 2))
    exif = picture.getexif()
    exif[0x0112] = 6
    file = io.BytesIO()
    picture.save(file, "JPEG", exif=exif)
    body = body_of(image_module.open(io.BytesIO(file.getvalue())))
    assert isinstance(body, bytes)
    assert image_module.open(io.BytesIO(body)).size == (2, 4)


@pytest.mark.parametrize(
    ("image", "error", "told"),
    [
        (np.zeros((4, 4)), ValueError, "uint8"),
        (np.zeros((4, 4, 2), np.uint8), ValueError, "no picture"),
        (np.zeros((0, 4), np.uint8), ValueError, "no picture"),
        (np.zeros(4, np.uint8), ValueError, "no picture"),
        (io.StringIO("words"), TypeError, "rb"),
        (3, TypeError, "int is no picture"),
        (None, TypeError, "NoneType is no picture"),
    ],
)
def test_what_is_no_picture_is_named(image: Any, error: type[Exception], told: str) -> None:
    with pytest.raises(error, match=told):
        body_of(image)


def test_results_as_dictionaries_and_tables(url: str, clip: Path) -> None:
    pytest.importorskip("pandas", reason="needs pandas (make test installs it)")
    with Client(url) as client:
        result = client.predict(PHOTO)
        frames = [line for line in client.video(clip, fps=2) if isinstance(line, VideoFrame)]
    assert isinstance(result, Result)
    document = result.to_dict()
    assert document == result.raw
    document["faces"].clear()
    assert result.raw["faces"], "it is a copy"
    [row] = result.to_pandas().to_dict("records")
    [face] = result.faces
    assert (row["x"], row["emotion"], row["confidence"]) == (face.box.x, face.emotion, face.confidence)
    assert {label: row[label] for label in face.emotions} == dict(face.emotions)
    table = to_pandas(frames)
    assert list(table["time_s"]) == [frame.time_s for frame in frames]
    assert list(table.columns[:3]) == ["index", "time_s", "face"]
    assert frames[0].to_pandas().to_dict("records") == frames[0].rows()


def test_a_damaged_picture_that_pillow_should_open_is_an_error_of_this_file(tmp_path: Path) -> None:
    path = tmp_path / "scan.tiff"
    path.write_bytes(b"II*\0" + b"\xff" * 60)
    with pytest.raises(OSError, match="cannot"):
        converted(path)
