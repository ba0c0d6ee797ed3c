"""The real service with a network that can be computed in the head, false services, and files to send them."""

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fer_client.cli.main import main
from service.app import create_app
from service.settings import Settings
from tests.client.answers import mpjpeg_part
from tests.client.servers import Serve, Shelf, served
from tests.ports import free_port
from tests.service.conftest import ROOT, VOTES_METADATA, brightness_network, encoded

PHOTO = ROOT / "tests" / "data" / "astronaut.jpg"


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    path = tmp_path_factory.mktemp("model") / "brightness.onnx"
    path.write_bytes(brightness_network())
    return Settings(model=path, workers=1)


@pytest.fixture(scope="session")
def url(settings: Settings) -> Iterator[str]:
    """The real service."""
    with served(create_app(settings)) as url:
        yield url


@pytest.fixture(scope="session")
def votes_url(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The real service, with a model that has a votes head."""
    path = tmp_path_factory.mktemp("model") / "votes.onnx"
    path.write_bytes(brightness_network(VOTES_METADATA, votes=True))
    with served(create_app(settings.model_copy(update={"model": path}))) as url:
        yield url


@pytest.fixture(scope="session")
def serve() -> Iterator[Serve]:
    """Serves what a test gives it, all tests' behind one socket."""
    shelf = Shelf()
    with served(shelf) as url:
        yield lambda app: url + shelf.add(app)


@pytest.fixture
def fer(url: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The command line at the real service."""
    monkeypatch.setenv("FER_URL", url)
    return lambda *arguments: main([str(argument) for argument in arguments])


@pytest.fixture
def small_bodies(settings: Settings) -> Iterator[str]:
    """The real service, which takes images of 1000 bytes at most."""
    with served(create_app(settings.model_copy(update={"max_body_bytes": 1000}))) as url:
        yield url


@pytest.fixture(scope="session")
def _clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("ffmpeg") is None:
        pytest.skip("needs ffmpeg")
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    source = ["-loop", "1", "-i", str(PHOTO), "-t", "1", "-r", "10"]
    encoding = ["-pix_fmt", "yuv420p", "-c:v", "mpeg4", "-q:v", "3"]
    subprocess.run(["ffmpeg", "-nostdin", "-loglevel", "error", *source, *encoding, str(path)], check=True)
    return path


@pytest.fixture
def clip(_clip: Path, tmp_path: Path) -> Path:
    """A video of one second, ten frames, all of them the photo."""
    return Path(shutil.copy(_clip, tmp_path / "clip.mp4"))


@pytest.fixture
def nowhere() -> str:
    """An address at which nobody answers."""
    return f"http://127.0.0.1:{free_port()}"


@pytest.fixture
def white(tmp_path: Path) -> Path:
    path = tmp_path / "white.png"
    path.write_bytes(encoded([[255] * 16] * 16))
    return path


@pytest.fixture
def black(tmp_path: Path) -> Path:
    path = tmp_path / "black.png"
    path.write_bytes(encoded([[0] * 16] * 16))
    return path


@pytest.fixture
def ffmpeg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A false ffmpeg first on the PATH: plays the photo, as often as the file `times` says."""
    folder = tmp_path / "bin"
    folder.mkdir()
    path = folder / "ffmpeg"
    path.write_text(f"""#!{sys.executable} -S
import sys, time
from pathlib import Path
here = Path({str(tmp_path)!r})
(here / "arguments").write_text(" ".join(sys.argv[1:]))
picture = {mpjpeg_part(PHOTO.read_bytes())!r}
for _ in range(int((here / "times").read_text())):
    sys.stdout.buffer.write(picture)
    sys.stdout.flush()
    time.sleep(0.1)
sys.exit("the cable was pulled" if (here / "broken").exists() else 0)
""")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    (tmp_path / "times").write_text("3")
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return tmp_path


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings of whoever runs the tests."""
    for name in ("FER_URL", "FER_API_KEY"):
        monkeypatch.delenv(name, raising=False)
