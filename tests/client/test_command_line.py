"""fer: what it prints to stdout and stderr, and its exit codes."""

import csv
import json
import os
import pty
import signal
import subprocess
import sys
import termios
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Send

from fer_client import Client
from fer_client.cli.main import main
from fer_client.cli.text import face_line
from fer_client.results import Face, read
from tests.client.answers import VIDEO_FRAME, VIDEO_SUMMARY, answer, explanation, face, video_lines
from tests.client.conftest import PHOTO
from tests.client.servers import Scripted, Serve, refused
from tests.client.terminal import Capture, one_line
from tests.service.conftest import ROOT

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT / "client" / "src"), "PYTHONIOENCODING": "utf-8"}


# --- predict -----------------------------------------------------------------------------------


def test_a_photos_faces_are_lines(fer: Any, capsys: Capture) -> None:
    assert fer("predict", PHOTO) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert one_line(out).startswith(f"{PHOTO}  ")
    assert "100x100" in out


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"confidence": 0.96}, "happy      96 %  ███████████████████.  at 1,2 3x4"),
        ({"confidence": 1}, "happy     100 %  ████████████████████  at 1,2 3x4"),
        (
            {"confidence": 0.2, "uncertain": True, "prediction_set": ["sad", "happy", "fear"]},
            "happy      20 %  ████................  at 1,2 3x4, or sad, fear",
        ),
    ],
)
def test_a_line_says_how_sure(changes: dict[str, Any], line: str) -> None:
    assert face_line(read(Face, face(**changes)), "█") == line


def test_no_face_is_an_answer(fer: Any, white: Path, capsys: Capture) -> None:
    assert fer("predict", white) == 0
    assert capsys.readouterr().out == f"{white}  no face\n"


def test_lines_are_a_column(fer: Any, white: Path, tmp_path: Path, capsys: Capture) -> None:
    short = tmp_path / "w.png"
    short.write_bytes(white.read_bytes())
    assert fer("predict", white, short) == 0
    assert capsys.readouterr().out == f"{white}  no face\n{short}      no face\n"


def test_a_whole_face(fer: Any, white: Path, black: Path, capsys: Capture) -> None:
    assert fer("predict", white, black, "--crop", "whole") == 0
    assert [line.split()[1] for line in capsys.readouterr().out.splitlines()] == ["bright", "dark"]


def test_a_directory_is_its_photos(fer: Any, tmp_path: Path, white: Path, black: Path, capsys: Capture) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "C.PNG").write_bytes(white.read_bytes())
    (tmp_path / "notes.txt").write_text("none")
    assert fer("predict", tmp_path, "--json", "--crop", "whole") == 0
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [Path(line["file"]).name for line in said] == ["black.png", "C.PNG", "white.png"]
    assert [line["faces"][0]["emotion"] for line in said] == ["dark", "bright", "bright"]


def test_json_is_the_services_own(serve: Serve, white: Path, capsys: Capture) -> None:
    url = serve(Scripted(JSONResponse(answer(mood="new"))))
    assert main(["predict", str(white), "--json", "--url", url]) == 0
    assert json.loads(capsys.readouterr().out) == {"file": str(white), **answer(mood="new")}


def test_csv_has_a_row_for_each_face(fer: Any, url: str, white: Path, tmp_path: Path, capsys: Capture) -> None:
    odd = tmp_path / 'a "b", c.png'
    odd.write_bytes(white.read_bytes())
    assert fer("predict", odd, "--csv", "--crop", "whole") == 0
    assert fer("predict", odd, "--csv") == 0
    header, found, again, empty = csv.reader(capsys.readouterr().out.splitlines())
    assert header == again
    with Client(url) as client:
        assert header == ["file", *client.limits().csv_columns, "dark", "bright", "never", "error"]
    row = dict(zip(header, found, strict=True))
    assert (row["file"], row["face"], row["emotion"], row["width"]) == (str(odd), "0", "bright", "16")
    assert float(row["bright"]) == float(row["confidence"]) > 0.99
    # A photo has no time and no track.
    assert {name for name, cell in row.items() if not cell} == {"index", "time_s", "track_id", "error"}
    assert empty == [str(odd), *[""] * (len(header) - 1)]


def test_votes_are_printed_beside_the_answer(votes_url: str, white: Path, capsys: Capture) -> None:
    assert main(["predict", str(white), "--crop", "whole", "--url", votes_url]) == 0
    assert capsys.readouterr().out.rstrip().endswith("at 0,0 16x16, votes: bright 50 %")


def test_csv_has_columns_of_votes(votes_url: str, white: Path, tmp_path: Path, capsys: Capture) -> None:
    text = tmp_path / "text.png"
    text.write_text("no picture")
    assert main(["predict", str(white), str(text), "--csv", "--crop", "whole", "--url", votes_url]) == 1
    header, found, failed = csv.reader(capsys.readouterr().out.splitlines())
    with Client(votes_url) as client:
        columns, labels = client.limits().csv_columns, client.model().labels
    assert header == ["file", *columns, *labels, *(f"votes_{label}" for label in labels), "error"]
    row = dict(zip(header, found, strict=True))
    assert [float(row[f"votes_{label}"]) for label in labels] == pytest.approx([0, 0.5, 0.5], abs=1e-7)
    assert len(failed) == len(header)
    assert failed[-1].startswith("unsupported_media_type: ")


def test_the_votes_heatmap_is_saved(votes_url: str, white: Path, tmp_path: Path) -> None:
    options = ["--crop", "whole", "--explain", str(tmp_path / "out"), "--head", "votes", "--target", "never"]
    assert main(["predict", str(white), *options, "--url", votes_url]) == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["white-0-never.jpg"]


def test_csv_names_the_photos_that_failed(fer: Any, white: Path, tmp_path: Path, capsys: Capture) -> None:
    text, missing = tmp_path / "text.png", tmp_path / "missing.png"
    text.write_text("no picture")
    assert fer("predict", text, missing, white, "--csv", "--crop", "whole") == 1
    header, *rows = csv.reader(capsys.readouterr().out.splitlines())
    assert [row[0] for row in rows] == [str(text), str(missing), str(white)]
    assert all(len(row) == len(header) for row in rows)
    assert rows[0][-1].startswith("unsupported_media_type: ")
    assert rows[1][-1] == "No such file or directory"
    assert [any(row[1:-1]) for row in rows] == [False, False, True]


def test_explanations_are_saved(fer: Any, white: Path, tmp_path: Path, capsys: Capture) -> None:
    same_name = tmp_path / "deep" / "white.png"
    same_name.parent.mkdir()
    same_name.write_bytes(white.read_bytes())
    out = tmp_path / "out"
    assert fer("predict", white, same_name, "--crop", "whole", "--explain", out, "--target", "all") == 0
    labels = ("bright", "dark", "never")
    names = [f"white-0-{label}{more}.jpg" for label in labels for more in ("", "-2")]
    assert sorted(path.name for path in out.iterdir()) == sorted(names)
    assert all(path.read_bytes().startswith(b"\xff\xd8") for path in out.iterdir())


def test_a_label_cannot_name_a_path(serve: Serve, white: Path, tmp_path: Path) -> None:
    said = answer(faces=[face(explanations=[explanation(target="../../evil")])])
    out = tmp_path / "deep" / "out"
    assert main(["predict", str(white), "--explain", str(out), "--url", serve(Scripted(JSONResponse(said)))]) == 0
    assert [path.name for path in out.iterdir()] == ["white-0-______evil.png"]


def test_names_and_texts_do_not_control_the_terminal(serve: Serve, tmp_path: Path, capsys: Capture) -> None:
    odd = tmp_path / "\x1b[31m\n.png"
    odd.write_bytes(b"photo")
    said = Scripted(JSONResponse(answer(faces=[face(emotion="\x1b[2J")])), refused(422, "bad", detail="\x1b[2J\nno"))
    url = serve(said)
    assert main(["predict", str(odd), "--url", url]) == 0
    assert main(["predict", str(odd), "--url", url]) == 1
    out, err = capsys.readouterr()
    assert "\x1b" not in out + err
    assert len(out.splitlines()) == len(err.splitlines()) == 1


def test_one_bad_photo_does_not_stop_the_others(
    fer: Any, white: Path, black: Path, tmp_path: Path, capsys: Capture
) -> None:
    text, empty = tmp_path / "text.jpg", tmp_path / "empty"
    text.write_text("no picture")
    empty.mkdir()
    assert fer("predict", white, text, tmp_path / "missing.jpg", empty, black, "--crop", "whole") == 1
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 2
    assert [line.split(": ")[1] for line in err.splitlines()] == [
        str(empty),
        str(text),
        str(tmp_path / "missing.jpg"),
    ]
    assert "(unsupported_media_type)" in err
    assert "No such file or directory" in err


def test_nobody_there(white: Path, black: Path, nowhere: str, capsys: Capture) -> None:
    assert main(["predict", str(white), str(black), "--url", nowhere, "--retries", "0"]) == 3
    assert f"nobody answers at {nowhere}" in one_line(capsys.readouterr().err)


def test_something_else_there(white: Path, serve: Serve, capsys: Capture) -> None:
    assert main(["predict", str(white), "--url", serve(Scripted(Response("<html>", 404)))]) == 3
    assert "not how this service answers" in one_line(capsys.readouterr().err)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, "unauthorized"),
        (403, "forbidden"),
        (422, "invalid_option"),
        (429, "rate_limited"),
        (503, "overloaded"),
    ],
)
def test_a_refusal_of_everything_ends_it(
    white: Path, black: Path, serve: Serve, capsys: Capture, status: int, code: str
) -> None:
    url = serve(Scripted(refused(status, code, detail="Not for you.")))
    assert main(["predict", str(white), str(black), "--url", url, "--retries", "0"]) == 4
    assert one_line(capsys.readouterr().err) == f"fer: {white}: Not for you. ({code})"


@pytest.mark.parametrize(("status", "code"), [(413, "body_too_large"), (500, "internal"), (504, "deadline_exceeded")])
def test_a_refusal_of_one_photo_does_not(
    white: Path, black: Path, serve: Serve, capsys: Capture, status: int, code: str
) -> None:
    url = serve(Scripted(refused(status, code), JSONResponse(answer())))
    assert main(["predict", str(white), str(black), "--jobs", "1", "--url", url]) == 1
    out, err = capsys.readouterr()
    assert one_line(out).startswith(str(black))
    assert code in one_line(err)


@pytest.mark.parametrize(
    "arguments",
    [
        ["predict"],
        ["--colour"],
        ["paint", "photo.jpg"],
        ["predict", "photo.jpg", "--json", "--csv"],
        ["predict", "photo.jpg", "--jobs", "0"],
        ["predict", "photo.jpg", "--max-faces", "many"],
        ["predict", "photo.jpg", "--url", "localhost:8000"],
        ["predict", "photo.jpg", "--timeout", "nan"],
        ["predict", "photo.jpg", "--retries", "-1"],
        ["video", "video.mp4", "--format", "gif"],
        ["watch", "--fps", "0"],
        ["watch", "--camera", "0", "--input", "video.mp4"],
    ],
)
def test_a_wrong_command_line(arguments: list[str], capsys: Capture) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "error:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "flags", "similar"),
    [
        (["video", "video.mp4", "--smoothin", "1"], ["--smoothing", "--fps", "--explain"], "did you mean --smoothing?"),
        (["predict", "photo.jpg", "--fps=3"], ["--crop", "--json"], ""),
        (["watch", "--max-face", "3"], ["--max-faces", "--input"], "did you mean --max-faces?"),
    ],
)
def test_an_unknown_option_is_answered_with_those_that_exist(
    arguments: list[str], flags: list[str], similar: str, capsys: Capture
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    usage, _, message = capsys.readouterr().err.partition(f"fer {arguments[0]}: error: unknown: ")
    assert all(f"[{flag} " in usage or f"[{flag}]" in usage or f"| {flag} " in usage for flag in flags)
    assert similar in message


def test_without_a_command_it_prints_help(capsys: Capture) -> None:
    assert main([]) == 0
    said = capsys.readouterr().out
    assert all(f"\n    {command} " in said for command in ("predict", "video", "watch", "model"))


def test_help_says_what_the_exit_codes_mean(capsys: Capture) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    said = capsys.readouterr().out
    for code in ("0 ", "1 ", "2 ", "3 ", "4 ", "130"):
        assert f"\n  {code}" in said


# --- model ----------------------------------------------------------------------------


def test_the_model(fer: Any, capsys: Capture) -> None:
    assert fer("model") == 0
    assert "labels       dark, bright, never\n" in capsys.readouterr().out
    assert fer("model", "--json") == 0
    assert json.loads(capsys.readouterr().out)["version"] == "1.2.3"


# --- the process -------------------------------------------------------------------------------


def start(*arguments: str, **named: Any) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-m", "fer_client", *arguments], env=ENVIRONMENT, text=True, **named)


def test_ctrl_c_is_quiet(ffmpeg: Path, url: str) -> None:
    (ffmpeg / "times").write_text("1000")
    environment = {**ENVIRONMENT, "PATH": os.environ["PATH"]}
    watching = subprocess.Popen(
        [sys.executable, "-m", "fer_client", "watch", "--input", "rtsp://camera.example/1", "--url", url],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert watching.stdout is not None
    assert watching.stdout.readline().endswith(" %\n")
    watching.send_signal(signal.SIGINT)
    _, err = watching.communicate(timeout=30)
    assert (watching.returncode, err) == (130, "")


def test_ctrl_c_while_photos_are_under_way(serve: Serve, white: Path) -> None:
    reached = threading.Event()

    class Slow(Scripted):
        async def reply(self, request: Request, send: Send) -> None:
            reached.set()
            await request.receive()
            await request.receive()

    asking = start("predict", str(white), "--url", serve(Slow()), stderr=subprocess.PIPE)
    assert reached.wait(30)
    asking.send_signal(signal.SIGINT)
    _, err = asking.communicate(timeout=30)
    assert (asking.returncode, err) == (130, "")


def test_a_reader_that_goes_is_no_error(url: str, white: Path) -> None:
    asking = start("predict", *[str(white)] * 50, "--url", url, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert asking.stdout is not None
    assert asking.stdout.readline()
    asking.stdout.close()
    asking.stdout = None
    _, err = asking.communicate(timeout=60)
    assert err == ""
    assert asking.returncode == 141


def on_terminal(*arguments: str) -> tuple[str, bytes]:
    """What goes to stdout, a pipe, and to stderr, a terminal."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    asking = start(*arguments, stdout=subprocess.PIPE, stderr=theirs)
    os.close(theirs)
    said = b""
    # Reading fails once nobody holds the other end.
    with suppress(OSError):
        while piece := os.read(ours, 4096):
            said += piece
    os.close(ours)
    out, _ = asking.communicate(timeout=60)
    assert asking.returncode == 0
    return out, said


@pytest.mark.parametrize("photos", [1, 3])
def test_a_bar_for_many_photos_on_a_terminal(url: str, white: Path, photos: int) -> None:
    out, said = on_terminal("predict", *[str(white)] * photos, "--url", url)
    assert len(out.splitlines()) == photos
    assert (b"/3 [" in said) is (photos == 3)


def test_a_videos_bar_goes_by_its_time(serve: Serve, white: Path) -> None:
    url = serve(Scripted(Response(video_lines({**VIDEO_FRAME, "time_s": 2.0}, VIDEO_SUMMARY))))
    out, said = on_terminal("video", str(white), "--from", "1", "--to", "5", "--url", url)
    assert len(out.splitlines()) == 2
    assert b"25%" in said
    assert b" left" in said


def test_importing_it_takes_none_of_the_services_libraries() -> None:
    code = (
        "import sys, fer_client.cli.main;"
        "heavy = {'cv2', 'numpy', 'onnxruntime', 'tensorflow', 'fastapi', 'pydantic', 'service'} & set(sys.modules);"
        "sys.exit(', '.join(heavy) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
