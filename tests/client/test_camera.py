"""Pictures out of ffmpeg: the command for each system, and where one picture ends and the next begins."""

import os
import stat
import sys
import threading
from pathlib import Path

import pytest

from fer_client.camera import Camera, CameraError, ffmpeg_command
from tests.client.answers import mpjpeg_part
from tests.client.conftest import PHOTO

# What would end a line, a header and a picture.
PICTURE = b"\xff\xd8\r\n\r\n--ffmpeg\r\nContent-length: 3\r\n\xff\xd9\n\xff\xd9"


@pytest.mark.parametrize(
    ("platform", "camera", "taken"),
    [
        ("linux", os.devnull, ["-f", "v4l2", "-i", os.devnull]),
        ("darwin", None, ["-f", "avfoundation", "-framerate", "30", "-i", "0"]),
        ("darwin", "FaceTime", ["-f", "avfoundation", "-framerate", "30", "-i", "FaceTime"]),
        ("win32", "Web Cam", ["-f", "dshow", "-i", "video=Web Cam"]),
    ],
)
def test_each_system_has_its_own_cameras(platform: str, camera: str | None, taken: list[str]) -> None:
    command = ffmpeg_command(camera=camera, fps=10, width=640, platform=platform)
    assert command[4 : 4 + len(taken)] == taken
    assert command[-3:] == ["-f", "mpjpeg", "-"]


@pytest.mark.parametrize(
    ("source", "taken"),
    [
        (str(PHOTO), ["-re", "-i", str(PHOTO)]),
        ("rtsp://host/1", ["-rtsp_transport", "tcp", "-i", "rtsp://host/1"]),
        ("http://host/1.m3u8", ["-i", "http://host/1.m3u8"]),
    ],
)
def test_a_video_and_an_address_are_sources_too(source: str, taken: list[str]) -> None:
    assert ffmpeg_command(source=source, fps=10, width=640)[4 : 4 + len(taken)] == taken


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ({"camera": "/dev/nothing", "platform": "linux"}, "no camera at /dev/nothing; name another with --camera"),
        ({"platform": "win32"}, "name a camera with --camera"),
        ({"source": "nothing.mp4"}, "there is no file nothing.mp4"),
    ],
)
def test_what_is_not_there_is_named(named: dict[str, str], words: str) -> None:
    with pytest.raises(CameraError, match=words):
        ffmpeg_command(**named, fps=10, width=640)


def program(path: Path, code: str) -> list[str]:
    path.write_text(f"#!{sys.executable}\nimport sys, time\n{code}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return [str(path)]


def test_pictures_come_one_by_one_whatever_the_pieces(tmp_path: Path) -> None:
    (tmp_path / "pictures").write_bytes(mpjpeg_part(PICTURE) * 3)
    code = f"""
for byte in open({str(tmp_path / "pictures")!r}, "rb").read():
    sys.stdout.buffer.write(bytes([byte]))
    sys.stdout.flush()
"""
    with Camera(program(tmp_path / "ffmpeg", code)) as camera:
        assert list(camera) == [PICTURE] * 3


def test_a_picture_is_there_while_it_is_new(tmp_path: Path) -> None:
    code = f"sys.stdout.buffer.write({mpjpeg_part(PICTURE)!r}); sys.stdout.flush(); time.sleep(60)"
    with Camera(program(tmp_path / "ffmpeg", code)) as camera:
        pictures = iter(camera)
        assert next(pictures) == PICTURE
        rest: list[bytes] = []
        reading = threading.Thread(target=lambda: rest.extend(pictures))
        reading.start()
    # Who waits for more is let go with the camera, without an error: threads' errors fail a test.
    reading.join(10)
    assert not reading.is_alive()
    assert rest == []


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("sys.exit('opening\\n/dev/video0: Device or resource busy')", "ffmpeg stopped: /dev/video0: Device or"),
        ("sys.exit(1)", "it gave no reason"),
    ],
)
def test_why_there_are_no_pictures(tmp_path: Path, code: str, words: str) -> None:
    with Camera(program(tmp_path / "ffmpeg", code)) as camera, pytest.raises(CameraError, match=words):
        list(camera)


def test_a_loud_program_does_not_stop_the_pictures(tmp_path: Path) -> None:
    code = f"sys.stderr.write('x' * 10**6); sys.stdout.buffer.write({mpjpeg_part(PICTURE)!r})"
    with Camera(program(tmp_path / "ffmpeg", code)) as camera:
        assert list(camera) == [PICTURE]


def test_a_picture_cut_short_is_none(tmp_path: Path) -> None:
    code = f"sys.stdout.buffer.write({mpjpeg_part(PICTURE)!r} + {mpjpeg_part(PICTURE)[:-10]!r})"
    with Camera(program(tmp_path / "ffmpeg", code)) as camera:
        assert list(camera) == [PICTURE]


def test_ffmpeg_may_be_missing() -> None:
    with pytest.raises(CameraError, match="no-ffmpeg-here is not installed"):
        Camera(["no-ffmpeg-here"])


def test_the_real_ffmpeg_plays_a_video(clip: Path) -> None:
    with Camera(ffmpeg_command(source=str(clip), fps=5, width=100)) as camera:
        pictures = list(camera)
    assert len(pictures) in (5, 6)
    assert all(picture.startswith(b"\xff\xd8") and picture.endswith(b"\xff\xd9") for picture in pictures)
