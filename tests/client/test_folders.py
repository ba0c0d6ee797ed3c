"""fer predict of a folder: what is read, what is left out and why."""

import json
import shutil
from pathlib import Path

import pytest

from fer_client.cli import pictures
from fer_client.cli.main import main
from tests.client.conftest import PHOTO
from tests.client.terminal import Capture


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    shutil.copy(PHOTO, folder / "a.JPG")
    for name in ("._a.JPG", "Thumbs.db", ".DS_Store", "__MACOSX/._b.jpg"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"litter")
    for name in ("clip.mp4", "notes.txt", *(f"{number}.raw" for number in range(5))):
        (folder / name).write_bytes(b"something else")
    return folder


def test_what_is_left_out_is_named_with_its_reason(url: str, folder: Path, capsys: Capture) -> None:
    assert main(["predict", str(folder), "--json", "--url", url]) == 0
    out, err = capsys.readouterr()
    assert [json.loads(line)["file"] for line in out.splitlines()] == [str(folder / "a.JPG")]
    assert err == (
        f"fer: {folder}: 7 of 8 files left out: 0.raw, 1.raw, 2.raw and 3 more (no photo); "
        "clip.mp4 (a video: fer video reads it)\n"
    )


def test_without_the_extra_a_phones_picture_is_named(
    url: str, folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "_opened_by_pillow", dict)
    (folder / "IMG_1.HEIC").write_bytes(b"a picture")
    assert main(["predict", str(folder), "--url", url]) == 0
    assert 'IMG_1.HEIC (pip install "fer-client[pictures]" to read it)' in capsys.readouterr().err


@pytest.mark.parametrize("name", ["photo.heic", "photo.avif", "photo.tiff", "photo.bmp"])
def test_with_the_extra_it_is_read_like_the_photo(url: str, tmp_path: Path, name: str, capsys: Capture) -> None:
    image_module = pytest.importorskip("PIL.Image", reason="needs pillow (make test installs it)")
    pytest.importorskip("pillow_heif", reason="needs pillow-heif (make test installs it)").register_heif_opener()
    shutil.copy(PHOTO, tmp_path / "photo.jpg")
    image_module.open(PHOTO).save(tmp_path / name, quality=95)
    assert main(["predict", str(tmp_path), "--json", "--url", url]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    first, second = (json.loads(line) for line in out.splitlines())
    assert {first["file"], second["file"]} == {str(tmp_path / "photo.jpg"), str(tmp_path / name)}
    [one], [other] = first["faces"], second["faces"]
    assert one["box"]["x"] == pytest.approx(other["box"]["x"], abs=8)
    assert one["emotion"] == other["emotion"]


def test_a_damaged_one_is_an_error_of_its_own(url: str, tmp_path: Path, capsys: Capture) -> None:
    pytest.importorskip("PIL.Image", reason="needs pillow (make test installs it)")
    (tmp_path / "broken.tiff").write_bytes(b"II*\0broken")
    shutil.copy(PHOTO, tmp_path / "photo.jpg")
    assert main(["predict", str(tmp_path), "--url", url]) == 1
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 1
    assert err.startswith(f"fer: {tmp_path / 'broken.tiff'}: ")
