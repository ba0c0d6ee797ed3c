"""The client's README: its examples run, and its table is the program's."""

import re
import shutil
from pathlib import Path

import pytest

from fer_client.cli.report import EXIT_CODES
from tests.client.conftest import PHOTO
from tests.service.conftest import ROOT

README = (ROOT / "client" / "README.md").read_text()
PREDICT, MANY, MOVING = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copy(PHOTO, tmp_path / "photo.jpg")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(example: str, url: str) -> None:
    assert "http://127.0.0.1:8000" in example
    exec(example.replace("http://127.0.0.1:8000", url), {})  # noqa: S102


def test_one_photo(here: Path, url: str, capsys: pytest.CaptureFixture[str]) -> None:
    run(PREDICT, url)
    said = capsys.readouterr().out
    assert "Box(" in said
    assert (here / f"{said.split()[0]}.jpg").read_bytes().startswith(b"\xff\xd8")


def test_many_photos(here: Path, url: str, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "text.jpg").write_text("no picture")
    run(MANY, url)
    said = sorted(capsys.readouterr().out.splitlines())
    assert said[0] == "photo.jpg 1"
    assert "unsupported_media_type" in said[1]


def test_moving_pictures(here: Path, url: str, clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clip.rename(here / "clip.mp4")
    run(MOVING, url)
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("0.0 (Face(")
    assert said[-2].startswith("(VideoTrack(")
    assert said[-1].startswith("(Face(")


def test_it_has_the_exit_codes() -> None:
    told = re.findall(r"^\| (\d+) \|", README, re.MULTILINE)
    assert told == re.findall(r"^  (\d+) ", EXIT_CODES, re.MULTILINE)
