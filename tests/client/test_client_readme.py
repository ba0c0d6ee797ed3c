"""The client's README: its commands and examples run, and its tables are the program's."""

import re
import shlex
import shutil
from pathlib import Path

import pytest

from fer_client.cli.main import main
from fer_client.cli.report import EXIT_CODES
from tests.client.conftest import PHOTO
from tests.service.conftest import ROOT

README = (ROOT / "client" / "README.md").read_text()
PREDICT, MANY, MANY_ASYNC, MOVING = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
COMMANDS = [
    line
    for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    for line in block.splitlines()
    # Installing needs a package index.
    if not line.startswith("pip ")
]
# Where the commands leave files, which ones.
FILES = {"faces.csv": b"file,", "all.csv": b"file,", "clip.vtt": b"WEBVTT", "drawn.mp4": b"\0\0\0", "heatmaps": None}


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


@pytest.mark.parametrize("example", [MANY, MANY_ASYNC])
def test_many_photos(here: Path, url: str, capsys: pytest.CaptureFixture[str], example: str) -> None:
    (here / "text.jpg").write_text("no picture")
    run(example, url)
    said = sorted(capsys.readouterr().out.splitlines())
    assert said[0] == "photo.jpg 1"
    assert "unsupported_media_type" in said[1]


def test_moving_pictures(here: Path, url: str, clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(MOVING, url)
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("0.0 (Face(")
    assert said[-2].startswith("(VideoTrack(")
    assert said[-1].startswith("(Face(")


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_runs(
    here: Path,
    url: str,
    clip: Path,
    command: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (here / "photos").mkdir()
    (here / "videos").mkdir()
    shutil.copy(PHOTO, here / "photos")
    shutil.copy(clip, here / "videos")
    monkeypatch.setenv("FER_URL", url)
    program, *arguments = shlex.split(command, comments=True)
    arguments, redirected = (arguments[:-2], arguments[-1]) if ">" in arguments else (arguments, None)
    assert (program, main(arguments)) == ("fer", 0)
    out, err = capsys.readouterr()
    assert err == ""
    if redirected is not None:
        (here / redirected).write_text(out)
    made = {name for name in FILES if (here / name).exists()}
    assert made == FILES.keys() & {*arguments, redirected}
    assert out or made
    for name in made:
        begin = FILES[name]
        assert any((here / name).iterdir()) if begin is None else (here / name).read_bytes().startswith(begin)


def test_its_commands_are_the_programs(capsys: pytest.CaptureFixture[str]) -> None:
    main([])
    listed = re.findall(r"^    (\w+) ", capsys.readouterr().out, re.MULTILINE)
    assert re.findall(r"^\| `fer (\w+)", README, re.MULTILINE) == listed


def test_it_has_the_exit_codes() -> None:
    told = re.findall(r"^\| (\d+) \| (.*) \|", README, re.MULTILINE)
    assert told == re.findall(r"^  (\d+) +(.*)", EXIT_CODES, re.MULTILINE)
