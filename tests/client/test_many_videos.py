"""fer video of folders and many files: where results go, what is skipped, and what a stop costs."""

import asyncio
import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from starlette.responses import Response, StreamingResponse

from fer_client.cli.main import main
from tests.client.answers import VIDEO_ERROR, VIDEO_FRAME, VIDEO_SUMMARY, video_lines
from tests.client.servers import Described, Serve, refused
from tests.client.terminal import Capture
from tests.service.conftest import ROOT


@pytest.fixture
def clips(clip: Path, tmp_path: Path) -> Path:
    """A folder with three videos, one of them deeper, and what is no video."""
    folder = tmp_path / "clips"
    (folder / "more").mkdir(parents=True)
    for name in ("a.mp4", "b.mp4", "more/c.mp4"):
        shutil.copy(clip, folder / name)
    (folder / "notes.txt").write_text("no video")
    for litter in ("._a.mp4", "Thumbs.db", ".hidden.mp4", "desktop.ini"):
        (folder / litter).write_bytes(b"litter")
    return folder


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text(), newline="")))


def test_each_result_stands_beside_its_video(url: str, clips: Path, capsys: Capture) -> None:
    arguments = ["video", str(clips), "--url", url, "--fps", "2", "--format", "csv"]
    assert main(arguments) == 0
    out, err = capsys.readouterr()
    made = [clips / "a.mp4.csv", clips / "b.mp4.csv", clips / "more/c.mp4.csv"]
    assert out.splitlines() == [str(path) for path in made]
    assert err == f"fer: {clips}: 1 of 4 files left out: notes.txt (no video)\n"
    assert [len(rows(path)) for path in made] == [2, 2, 2]
    assert not list(clips.rglob("*.part"))
    # The results are no videos; what is complete is skipped, what is older than its video is not.
    later = made[1].stat().st_mtime + 10
    os.utime(clips / "b.mp4", (later, later))
    assert main(arguments) == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == [str(made[1])]
    assert "2 of 3 videos had a result already (--again reads them again)" in err
    assert main([*arguments, "--again"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_a_result_of_other_options_or_another_model_is_made_anew(serve: Serve, tmp_path: Path, capsys: Capture) -> None:
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / name).write_bytes(b"a video")
    service = Described(Response(video_lines(VIDEO_FRAME, VIDEO_SUMMARY)))
    arguments = ["video", str(tmp_path), "--url", serve(service)]

    def read(*more: str) -> int:
        """Videos that the service reads for the command."""
        before = len(service.asked)
        assert main([*arguments, *more]) == 0
        return len(service.asked) - before

    assert [read(), read()] == [2, 0]
    assert [read("--fps", "2"), read("--fps", "2"), read()] == [2, 0, 2]
    assert "2 of 2 results were made with other options or another model: read again" in capsys.readouterr().err
    service.sha256 = "another file's"
    assert [read(), read()] == [2, 0]
    # What does not say how it was made may have been made in any way, and so may one that a kill left without a word.
    (tmp_path / ".a.mp4.ndjson.made.json").unlink()
    (tmp_path / ".b.mp4.ndjson.made.json").write_text("{")
    assert [read(), read()] == [2, 0]
    record = json.loads((tmp_path / ".a.mp4.ndjson.made.json").read_text())
    model = {"name": "n", "version": "1", "sha256": "another file's"}
    assert record == {"options": {}, "model": model, "detector": "haar"}


def test_a_table_is_not_continued_with_another_model(serve: Serve, tmp_path: Path) -> None:
    videos = [tmp_path / name for name in ("a.mp4", "b.mp4")]
    for video in videos:
        video.write_bytes(b"a video")
    read = Response(video_lines(VIDEO_FRAME, VIDEO_SUMMARY))
    service = Described(read, refused(422, "invalid_option"), read)
    arguments = ["video", *map(str, videos), "-o", str(tmp_path / "all.ndjson"), "--url", serve(service)]
    assert main(arguments) == 4
    service.sha256 = "another file's"
    assert main(arguments) == 0
    assert len(service.asked) == 4, "both videos are sent again"


def test_results_in_another_folder(url: str, clips: Path, tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "results"
    assert main(["video", str(clips / "a.mp4"), str(clips / "b.mp4"), "-o", str(out), "--url", url, "--fps", "1"]) == 0
    assert sorted(path.name for path in out.glob("[!.]*")) == ["a.mp4.ndjson", "b.mp4.ndjson"]
    assert json.loads((out / "a.mp4.ndjson").read_text().splitlines()[-1])["type"] == "summary"


def test_a_suffix_says_the_format(url: str, clips: Path, tmp_path: Path, capsys: Capture) -> None:
    clip = str(clips / "a.mp4")
    for name, begin in {
        "x.csv": b"index,",
        "x.vtt": b"WEBVTT",
        "x.json": b'{"type":"frame"',
        "x.mp4": b"\0\0\0",
    }.items():
        assert main(["video", clip, "-o", str(tmp_path / name), "--url", url, "--fps", "1"]) == 0
        assert (tmp_path / name).read_bytes().startswith(begin), name
    assert capsys.readouterr() == ("", "")


def test_drawn_videos_stand_beside_theirs_and_are_not_read(url: str, clips: Path, capsys: Capture) -> None:
    arguments = ["video", str(clips), "--url", url, "--format", "webm", "--draw-heatmaps", "--fps", "1"]
    assert main(arguments) == 0
    assert (clips / "a.faces.webm").read_bytes().startswith(b"\x1aE\xdf\xa3")
    capsys.readouterr()
    assert main(arguments) == 0
    assert "left out: notes.txt (no video)" in capsys.readouterr().err
    # Where nothing says that it is a result.
    (clips / ".a.faces.webm.made.json").unlink()
    assert main(arguments) == 0
    assert "left out: a.faces.webm (drawn by fer); notes.txt (no video)" in capsys.readouterr().err


def test_one_table_of_all(url: str, clips: Path, tmp_path: Path, capsys: Capture) -> None:
    table = tmp_path / "all.csv"
    (clips / "b.mp4").write_bytes(b"words")
    assert main(["video", str(clips), "-o", str(table), "--url", url, "--fps", "2"]) == 1
    assert "unsupported_media_type" in capsys.readouterr().err
    found = rows(table)
    assert [(Path(row["file"]).name, row["index"]) for row in found] == [
        ("a.mp4", "0"),
        ("a.mp4", "1"),
        ("b.mp4", ""),
        ("c.mp4", "0"),
        ("c.mp4", "1"),
    ]
    assert found[2]["error"].startswith("unsupported_media_type: This is ")
    assert not (tmp_path / "all.csv.parts").exists()
    as_lines = tmp_path / "all.ndjson"
    assert main(["video", str(clips), "-o", str(as_lines), "--url", url, "--fps", "2"]) == 1
    lines = [json.loads(line) for line in as_lines.read_text().splitlines()]
    assert [line["type"] for line in lines] == ["frame", "frame", "summary", "error", "frame", "frame", "summary"]


def test_a_table_as_parquet(url: str, clips: Path, tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas", reason="needs pandas and pyarrow (make test installs them)")
    pytest.importorskip("pyarrow", reason="needs pandas and pyarrow (make test installs them)")
    for name in ("all.csv", "all.parquet"):
        assert main(["video", str(clips), "-o", str(tmp_path / name), "--url", url, "--fps", "2"]) == 0
    table, same = pandas.read_parquet(tmp_path / "all.parquet"), pandas.read_csv(tmp_path / "all.csv")
    assert list(table.columns) == list(same.columns)
    assert table["confidence"].tolist() == same["confidence"].tolist()
    assert table["file"].tolist() == same["file"].tolist()
    one = tmp_path / "one.parquet"
    assert main(["video", str(clips / "a.mp4"), "-o", str(one), "--url", url, "--fps", "2"]) == 0
    assert len(pandas.read_parquet(one)) == 2


def test_a_video_that_breaks_off_keeps_its_rows_in_the_table(serve: Serve, tmp_path: Path) -> None:
    videos = [tmp_path / name for name in ("a.mp4", "b.mp4")]
    for video in videos:
        video.write_bytes(b"a video")
    service = Described(
        Response(video_lines(VIDEO_FRAME, VIDEO_ERROR)), Response(video_lines(VIDEO_FRAME, VIDEO_SUMMARY))
    )
    table = tmp_path / "all.ndjson"
    assert main(["video", *map(str, videos), "-o", str(table), "--url", serve(service)]) == 1
    lines = [json.loads(line) for line in table.read_text().splitlines()]
    assert [(Path(line["file"]).name, line["type"]) for line in lines] == [
        ("a.mp4", "frame"),
        ("a.mp4", "error"),
        ("b.mp4", "frame"),
        ("b.mp4", "summary"),
    ]


def test_a_refusal_of_all_keeps_what_was_read(serve: Serve, tmp_path: Path, capsys: Capture) -> None:
    videos = [tmp_path / name for name in ("a.mp4", "b.mp4")]
    for video in videos:
        video.write_bytes(b"a video")
    read = Response(video_lines(VIDEO_FRAME, VIDEO_SUMMARY))
    service = Described(read, refused(422, "invalid_option"), read)
    arguments = ["video", *map(str, videos), "-o", str(tmp_path / "all.ndjson"), "--url", serve(service)]
    assert main(arguments) == 4
    assert "the same command goes on from there" in capsys.readouterr().err
    assert main(arguments) == 0
    assert len(service.asked) == 3, "the first video is not sent again"
    assert len((tmp_path / "all.ndjson").read_text().splitlines()) == 4


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["-o", "x.vtt"], "no room for several videos"),
        (["-o", "x.csv", "--format", "webvtt"], "-o x.csv says csv, --format says webvtt"),
        (["--draw-heatmaps"], "no effect without --format mp4"),
        (["--format", "mp4", "--explain", "maps"], "--draw-heatmaps instead"),
    ],
)
def test_what_cannot_be_is_refused(
    clips: Path, arguments: list[str], told: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(clips)
    with pytest.raises(SystemExit):
        main(["video", "a.mp4", "b.mp4", *arguments])
    assert told in capsys.readouterr().err


def test_the_connections_options_stand_before_or_after_the_command(url: str, clips: Path, capsys: Capture) -> None:
    assert main(["--url", url, "video", str(clips / "a.mp4"), "--fps", "1"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    assert main(["--url", "http://127.0.0.1:9", "model", "--url", url]) == 0


@pytest.mark.parametrize("answered", [0, 2])
def test_kill_9_in_the_middle_costs_nothing(serve: Serve, tmp_path: Path, answered: int) -> None:
    videos = [tmp_path / f"{number}.mp4" for number in range(4)]
    for video in videos:
        video.write_bytes(b"a video")
    is_silent = threading.Event()

    async def breaking_off() -> AsyncIterator[bytes]:
        yield video_lines(VIDEO_FRAME)
        is_silent.set()
        await asyncio.sleep(600)

    read = Response(video_lines(VIDEO_FRAME, VIDEO_SUMMARY))
    service = Described(*[read] * (len(videos) + answered), StreamingResponse(breaking_off()), read)
    url = serve(service)

    def arguments(table: Path) -> list[str]:
        return ["video", *map(str, videos), "-o", str(table), "--url", url]

    whole, stopped = tmp_path / "whole.ndjson", tmp_path / "stopped.ndjson"
    assert main(arguments(whole)) == 0
    assert len(whole.read_text().splitlines()) == 2 * len(videos)
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "client" / "src")}
    with subprocess.Popen([sys.executable, "-m", "fer_client", *arguments(stopped)], env=environment) as running:
        assert is_silent.wait(60)
        running.send_signal(signal.SIGKILL)
    assert not stopped.exists()
    service.asked.clear()
    assert main(arguments(stopped)) == 0
    assert len(service.asked) == len(videos) - answered, "what was read whole is not sent again"
    assert stopped.read_bytes() == whole.read_bytes()
    assert not (tmp_path / "stopped.ndjson.parts").exists()
