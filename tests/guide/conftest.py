"""The service with the shipped model, and the files that the guide's examples name."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest

from service.app import create_app
from service.settings import Settings
from tests.client.servers import served

ROOT = Path(__file__).parents[2]
PHOTO = ROOT / "tests" / "data" / "astronaut.jpg"


@pytest.fixture(scope="session")
def url() -> Iterator[str]:
    """The real service with the shipped model, one for all pages."""
    with served(create_app(Settings(model=ROOT / "models" / "emotion.onnx", workers=2))) as url:
        yield url


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a photo, a face cut out of it, a text, and a video of one second; folders of photos and videos."""
    if shutil.which("ffmpeg") is None:
        pytest.skip("needs ffmpeg, which makes a video")
    folder = tmp_path_factory.mktemp("files")
    photo, clip = folder / "photo.jpg", folder / "clip.mp4"
    shutil.copy(PHOTO, photo)
    picture = cv2.imread(str(PHOTO))
    assert picture is not None
    cv2.imwrite(str(folder / "face.jpg"), picture[65:165, 175:275])
    (folder / "notes.txt").write_text("no picture")
    encoding = ["-t", "1", "-r", "10", "-pix_fmt", "yuv420p", "-c:v", "mpeg4", "-q:v", "3"]
    source = ["-nostdin", "-loglevel", "error", "-loop", "1", "-i", str(photo)]
    subprocess.run(["ffmpeg", *source, *encoding, str(clip)], check=True)
    for name, file in (("photos", photo), ("videos", clip)):
        (folder / name).mkdir()
        shutil.copy(file, folder / name)
    return folder


@pytest.fixture
def here(files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the files, in which the test runs."""
    folder = Path(shutil.copytree(files, tmp_path / "here"))
    monkeypatch.chdir(folder)
    return folder
