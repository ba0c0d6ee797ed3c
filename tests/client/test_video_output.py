"""`fer video` and `fer watch`: what they print to stdout and stderr, and their exit codes."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import Response

from fer_client.cli.main import main
from tests.client.answers import VIDEO_ERROR, VIDEO_FRAME, VIDEO_SUMMARY, video_lines
from tests.client.servers import Scripted, Serve, refused
from tests.client.terminal import Capture, one_line

# --- video -------------------------------------------------------------------------------------


def test_a_video_line_by_line(serve: Serve, white: Path, tmp_path: Path, capsys: Capture) -> None:
    service = Scripted(Response(video_lines(VIDEO_FRAME, VIDEO_SUMMARY)))
    url = serve(service)
    wanted = ["--fps", "2", "--from", "1", "--to", "3.5", "--max-faces", "4"]
    assert main(["video", str(white), "--url", url, *wanted]) == 0
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [VIDEO_FRAME, VIDEO_SUMMARY]
    asked = {"fps": "2.0", "from_s": "1.0", "to_s": "3.5", "max_faces": "4", "format": "ndjson"}
    assert dict(service.asked[0].query_params) == asked
    assert main(["video", str(white), "--url", url, "-o", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().out == ""
    assert [json.loads(line) for line in (tmp_path / "out").read_text().splitlines()] == [VIDEO_FRAME, VIDEO_SUMMARY]


@pytest.mark.parametrize(
    ("form", "body"), [("csv", b"index,time_s\r\n0,0.0\r\n"), ("webvtt", b"WEBVTT\n\n00:00.000 --> 00:01.000\nhappy\n")]
)
def test_other_formats_are_the_services_own(serve: Serve, white: Path, tmp_path: Path, form: str, body: bytes) -> None:
    out = tmp_path / "out"
    assert main(["video", str(white), "--format", form, "-o", str(out), "--url", serve(Scripted(Response(body)))]) == 0
    assert out.read_bytes() == body


def test_a_video_that_breaks_off(serve: Serve, white: Path, capsys: Capture) -> None:
    broken = video_lines(VIDEO_FRAME, VIDEO_ERROR)
    assert main(["video", str(white), "--url", serve(Scripted(Response(broken)))]) == 1
    out, err = capsys.readouterr()
    assert json.loads(one_line(out)) == VIDEO_FRAME
    assert one_line(err) == f"fer: {white}: Broken at 3 s. (undecodable_video)"


def test_a_refused_video_costs_no_file(serve: Serve, white: Path, tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "out"
    out.write_text("before")
    url = serve(Scripted(refused(415, "unsupported_media_type")))
    assert main(["video", str(white), "-o", str(out), "--url", url]) == 1
    assert out.read_text() == "before"


def test_a_videos_explanations_are_saved(fer: Any, clip: Path, tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "out"
    assert fer("video", clip, "--fps", "2", "--explain", out, "--target", "dark") == 0
    frames = [json.loads(line) for line in capsys.readouterr().out.splitlines()][:-1]
    assert len(frames) == 2
    assert all(len(frame["faces"]) == 1 for frame in frames)
    assert sorted(path.name for path in out.iterdir()) == ["clip-000000-0-dark.jpg", "clip-000001-0-dark.jpg"]


def test_a_video_that_is_not_there(fer: Any, tmp_path: Path, capsys: Capture) -> None:
    assert fer("video", tmp_path / "missing.mp4") == 1
    assert one_line(capsys.readouterr().err) == f"fer: {tmp_path / 'missing.mp4'}: No such file or directory"


# --- watch -------------------------------------------------------------------------------------


def test_watching(fer: Any, ffmpeg: Path, capsys: Capture) -> None:
    assert fer("watch", "--input", "rtsp://camera.example/1", "--fps", "7") == 0
    lines = capsys.readouterr().out.splitlines()
    assert 1 <= len(lines) <= 3
    assert all(line.endswith(" %") for line in lines)
    asked = (ffmpeg / "arguments").read_text()
    assert "-i rtsp://camera.example/1" in asked
    assert "fps=7," in asked


def test_watching_as_json(fer: Any, ffmpeg: Path, capsys: Capture) -> None:
    assert fer("watch", "--input", "rtsp://camera.example/1", "--json", "--max-faces", "1") == 0
    assert all(len(json.loads(line)["faces"]) == 1 for line in capsys.readouterr().out.splitlines())


def test_watching_with_explanations(fer: Any, ffmpeg: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert fer("watch", "--input", "rtsp://camera.example/1", "--explain", out) == 0
    saved = sorted(out.iterdir())
    assert re.fullmatch(r"frame-000001-0-(dark|bright)\.png", saved[0].name)
    assert saved[0].read_bytes().startswith(b"\x89PNG")


def test_a_camera_that_breaks(fer: Any, ffmpeg: Path, capsys: Capture) -> None:
    (ffmpeg / "broken").touch()
    assert fer("watch", "--input", "rtsp://camera.example/1") == 1
    out, err = capsys.readouterr()
    assert out
    assert one_line(err) == "fer: ffmpeg stopped: the cable was pulled"


def test_no_camera(fer: Any, capsys: Capture) -> None:
    assert fer("watch", "--input", "missing.mp4") == 1
    assert one_line(capsys.readouterr().err) == "fer: there is no file missing.mp4"


def test_no_ffmpeg(fer: Any, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setenv("PATH", "")
    assert fer("watch", "--input", "rtsp://camera.example/1") == 1
    assert "ffmpeg is not installed" in one_line(capsys.readouterr().err)


def test_watching_nobody(ffmpeg: Path, nowhere: str, capsys: Capture) -> None:
    assert main(["watch", "--input", "rtsp://camera.example/1", "--url", nowhere, "--retries", "0"]) == 3
    assert "nobody answers" in one_line(capsys.readouterr().err)
