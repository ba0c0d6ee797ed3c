"""Folders of pictures and videos as one table: what is found, what is kept, and that the answers are the service's."""

import csv
import json
import os
import resource
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from deploy.ray import parts
from deploy.ray.analysing import Analysing
from deploy.ray.job import LIMITS, Job, JobError, made_by, resolved
from deploy.ray.parts import Part, Problem, Progress
from service import Options, load_analyzer
from service.detectors.available import load_detectors
from service.schemas import found_json
from service.settings import Settings, load
from tests.service.clips import clip, steady
from tests.service.troubles import trouble

ROOT = Path(__file__).parents[2]
RAY = ROOT / ".venv-ray" / "bin" / "python"
PHOTO = ROOT / "tests" / "data" / "astronaut.jpg"
LABELS = ("bad", "good")
COLUMNS = parts.schema(LABELS, votes=True)


def job(**changes: Any) -> Job:
    defaults = {name: getattr(Settings(), name) for name in LIMITS}
    made: dict[str, Any] = {"model": {"sha256": "a"}, "detector": {}, "packages": {}, "version": "1"}
    options = {"detector": "haar", "max_faces": 10}
    return replace(Job(3, 0, "names", 2, options, 5.0, defaults, **made), **changes)


def row(name: str, face: int = 0) -> parts.Row:
    box = {"x": 1, "y": 2, "width": 3, "height": 4}
    answer = {"emotion": "bad", "confidence": 0.75, "uncertain": False, "prediction_set": "bad"}
    return {"file": name, "face": face, **box, **answer, "bad": 0.75, "good": 0.25, "votes_bad": 0.5, "votes_good": 0.5}


def test_pictures_and_videos_are_found_in_all_folders(tmp_path: Path) -> None:
    for name in ("b.JPG", "a/c.png", "a/d.mp4", "a/._e.jpg", ".hidden/f.jpg", "notes.txt", "Thumbs.db"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert parts.find_files(tmp_path) == (["a/c.png", "a/d.mp4", "b.JPG"], 3)


def test_a_part_is_some_pictures_or_one_video() -> None:
    found = list(parts.parts_of(["a.jpg", "b.mp4", "c.jpg", "d.png", "e.mov"], 2))
    assert found == [Part(0, ["a.jpg", "c.jpg"]), Part(1, ["d.png"]), Part(2, ["b.mp4"]), Part(3, ["e.mov"])]


def test_what_is_done_is_kept_and_the_table_has_all_in_order(tmp_path: Path) -> None:
    out = tmp_path / "faces.parquet"
    progress = Progress(out)
    progress.begin(job())
    progress.write(1, [row("c.jpg")], [Problem("d.jpg", "undecodable_image", "It ends early, at byte 3.")], COLUMNS)
    again = Progress(out)
    again.begin(job())
    assert [again.is_done(number) for number in (0, 1)] == [False, True]
    again.write(0, [row("a.jpg"), row("a.jpg", 1)], [], COLUMNS)
    manifest = again.finish(job(), 2, COLUMNS)
    table = pq.read_table(out).to_pylist()
    assert [(each["file"], each["face"]) for each in table] == [("a.jpg", 0), ("a.jpg", 1), ("c.jpg", 0)]
    assert (table[0]["votes_good"], table[0]["time_s"]) == (0.5, None)
    with Path(f"{out}.problems.csv").open(newline="") as file:
        assert list(csv.DictReader(file)) == [
            {"file": "d.jpg", "code": "undecodable_image", "detail": "It ends early, at byte 3."}
        ]
    assert json.loads(Path(f"{out}.manifest.json").read_text()) == manifest
    assert (manifest["faces"], manifest["problems"], manifest["model"]) == (3, 1, {"sha256": "a"})
    assert not progress.folder.exists()


def test_a_part_is_on_the_disk_before_it_counts_as_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a loss of power could leave its name alone."""
    progress = Progress(tmp_path / "faces.parquet")
    progress.begin(job())
    waited: list[tuple[str, bool, bool]] = []

    def fsync(fd: int) -> None:
        name = Path(f"/proc/self/fd/{fd}").readlink().name.partition(".")[2]
        waited.append((name, (progress.folder / "00000000.problems.json").exists(), progress.is_done(0)))

    monkeypatch.setattr("os.fsync", fsync)
    progress.write(0, [row("a.jpg")], [], COLUMNS)
    pid = os.getpid()
    assert waited == [
        (f"problems.json.{pid}.partial", False, False),
        ("parquet.parts", True, False),
        (f"parquet.{pid}.partial", True, False),
        ("parquet.parts", True, True),
    ]
    waited.clear()
    progress.finish(job(), 1, COLUMNS)
    assert [name for name, *_ in waited[-2:]] == [f"parquet.{pid}.partial", ""]


def test_a_damaged_part_is_done_again(tmp_path: Path) -> None:
    progress = Progress(tmp_path / "faces.parquet")
    progress.begin(job())
    for number in range(5):
        progress.write(number, [row("a.jpg"), row("b.jpg", number)], [], COLUMNS)
    parquet = [progress.folder / f"{number:08}.parquet" for number in range(5)]
    whole = parquet[0].read_bytes()
    parquet[0].write_bytes(b"")
    parquet[1].write_bytes(whole[: len(whole) // 2])
    # A page that never came to the disk: its file is as long as it should be.
    parquet[2].write_bytes(whole[:40] + bytes(20) + whole[60:])
    parquet[3].with_suffix(".problems.json").write_bytes(b"")
    assert progress.remove_damaged() == [path.name for path in parquet[:4]]
    assert [progress.is_done(number) for number in range(5)] == [False] * 4 + [True]
    assert progress.remove_damaged() == []
    (progress.folder / "job.json").write_bytes(b"")
    with pytest.raises(JobError, match=r"job\.json is damaged"):
        progress.begin(job())


def test_another_job_does_not_continue_this_one(tmp_path: Path) -> None:
    progress = Progress(tmp_path / "faces.parquet")
    progress.begin(job())
    options, limits = {"detector": "centerface", "max_faces": 10}, job().limits | {"max_pixels": 7}
    with pytest.raises(JobError) as refused:
        progress.begin(job(options=options, limits=limits, model={"sha256": "b"}))
    assert str(refused.value) == (
        f"{progress.folder} belongs to another job: limits.max_pixels was 25000000, is 7; "
        'model.sha256 was "a", is "b"; options.detector was "haar", is "centerface". Call as before, or delete it.'
    )
    (tmp_path / "faces.parquet").touch()
    with pytest.raises(JobError, match="exists: move it away"):
        progress.begin(job())


def test_what_the_environment_decides_is_resolved_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FER_DETECTOR", "centerface")
    monkeypatch.setenv("FER_MAX_FACES", "4")
    monkeypatch.setenv("FER_MAX_PIXELS", "1000")
    driver = load()
    assert resolved(driver, {}) == {"detector": "centerface", "max_faces": 4}
    assert resolved(driver, {"detector": "haar", "min_face_px": 30})["detector"] == "haar"
    begun = job(options=resolved(driver, {}), limits={name: getattr(driver, name) for name in LIMITS})
    # On another machine.
    monkeypatch.setenv("FER_DETECTOR", "haar")
    monkeypatch.setenv("FER_MAX_PIXELS", "2000")
    monkeypatch.setenv("FER_MAX_VIDEO_S", "1")
    settings = begun.settings(Path("models/emotion.onnx"))
    assert (settings.max_pixels, settings.max_video_s, settings.workers) == (1000, 7200.0, 1)
    assert settings.shadow_model is None


def test_every_limit_of_a_file_belongs_to_the_job() -> None:
    """Settings that a picture or video alone cannot meet are of the service's transports."""
    names = {name for name in Settings.model_fields if name.startswith("max_") or name.endswith("deadline_s")}
    of_transports = {"connections", "held_bytes", "videos", "video_bytes", "batches", "batch_files", "streams"}
    elsewhere = {f"max_{name}" for name in of_transports} | {"max_frame_bytes", "max_faces", "batch_deadline_s"}
    assert set(LIMITS) == names - elsewhere


@pytest.fixture(scope="module")
def analysing() -> Iterator[Analysing]:
    analysing = Analysing(Settings(workers=1, max_body_bytes=400_000), {"max_faces": 2}, fps=2.0)
    yield analysing
    analysing.close()


def test_the_answers_are_those_of_the_analyzer_bit_for_bit(analysing: Analysing, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(PHOTO.read_bytes())
    rows, problems = analysing.files(tmp_path, ["photo.jpg"])
    found = load_analyzer(threads=1).analyse(PHOTO.read_bytes(), Options(max_faces=2))
    (face,) = json.loads(found_json(found))["faces"]
    assert not problems
    assert rows == [
        {"file": "photo.jpg", "face": 0, "track_id": None, **face["box"]}
        | {name: face[name] for name in ("emotion", "confidence", "uncertain")}
        | {"prediction_set": " ".join(face["prediction_set"])}
        | face["emotions"]
        | {f"votes_{label}": share for label, share in face["votes"].items()}
    ]
    assert set(rows[0]) <= set(parts.schema(found.faces[0].labels, votes=True).names)


def test_a_machine_that_would_answer_otherwise_refuses(analysing: Analysing) -> None:
    contract, searches = load_analyzer(threads=1).contract, load_detectors(threads=1).searches()
    same = job(**made_by(contract, searches, "haar"))
    analysing.check(same)
    for other, said in (
        ({"model": same.model | {"sha256": "b"}}, r'model.sha256 was "b"'),
        ({"detector": same.detector | {"step": 1.5}}, "detector.step was 1.5"),
        ({"packages": same.packages | {"av": "1"}}, r'packages.av was "1"'),
    ):
        with pytest.raises(JobError, match=f"would answer otherwise than the driver: {said}"):
            analysing.check(replace(same, **other))


def test_a_detector_that_is_not_there_is_refused() -> None:
    searches = replace(load_detectors(threads=1).searches(), by_option={"haar": {}})
    with pytest.raises(JobError, match="'centerface', whose file is not installed here"):
        made_by(load_analyzer(threads=1).contract, searches, "centerface")


def test_a_bad_file_is_listed_and_the_next_one_is_read(analysing: Analysing, tmp_path: Path) -> None:
    (tmp_path / "cut.jpg").write_bytes(PHOTO.read_bytes()[:5000])
    (tmp_path / "cut.mp4").write_bytes(b"\0\0\0\x18ftypisom" + bytes(500))
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "large.png").write_bytes(bytes(500_000))
    (tmp_path / "whole.jpg").write_bytes(PHOTO.read_bytes())
    names = ["cut.jpg", "cut.mp4", "empty.mp4", "gone.mp4", "large.png", "whole.jpg"]
    rows, problems = analysing.files(tmp_path, names)
    assert {each["file"] for each in rows} == {"whole.jpg"}
    codes = {problem.file: problem.code for problem in problems}
    assert codes == {
        "cut.jpg": "undecodable_image",
        "cut.mp4": "undecodable_video",
        "empty.mp4": "malformed_body",
        "gone.mp4": "unreadable",
        "large.png": "body_too_large",
    }


def test_a_fault_of_ours_costs_the_file_that_met_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trouble(monkeypatch, error="division by zero")
    (tmp_path / "photo.jpg").write_bytes(PHOTO.read_bytes())
    (tmp_path / "video.mp4").write_bytes(clip(steady(1.0)))
    analysing = Analysing(Settings(workers=1), {}, fps=1.0)
    rows, bad = analysing.files(tmp_path, ["photo.jpg", "video.mp4"])
    analysing.close()
    assert not rows
    said = ("internal", "RuntimeError: division by zero")
    assert bad == [Problem("photo.jpg", *said), Problem("video.mp4", *said)]


def test_a_large_video_is_read_where_it_lies(analysing: Analysing, tmp_path: Path) -> None:
    """A copy of it, on disk or in memory, would be a larger file than this process may write."""
    video = clip(steady(1.0))
    # The last box is free space, to be passed over; it takes none on disk.
    (path := tmp_path / "large.mp4").write_bytes(video + (2**30).to_bytes(4, "big") + b"free")
    os.truncate(path, len(video) + 2**30)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**24, limits[1]))
    try:
        assert analysing.files(tmp_path, ["large.mp4"]) == ([], [])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_video_has_rows_for_its_frames(analysing: Analysing) -> None:
    videos = ROOT.parent / "shared" / "media" / "videos"
    if not videos.is_dir():
        pytest.skip("../shared is not here")
    rows, problems = analysing.files(videos, ["neutral_to_smile.mp4"])
    assert not problems
    assert len({each["index"] for each in rows}) > 2
    assert {each["track_id"] for each in rows} == {1}
    assert [each["time_s"] for each in rows] == sorted(each["time_s"] for each in rows)


@pytest.mark.skipif(not (RAY.parents[1] / ".ray").exists(), reason="Ray is not installed: make .venv-ray/.ray")
def test_a_job_that_was_killed_is_continued_to_the_same_table(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(12):
        # Bytes after the end of a JPEG file are no part of the picture.
        (folder / f"{number:02}.jpg").write_bytes(PHOTO.read_bytes() + bytes(number))
    (folder / "bad.png").write_bytes(b"no picture")

    def begin(name: str, stderr: int = subprocess.DEVNULL, **settings: str) -> "subprocess.Popen[bytes]":
        command = [str(RAY), "-m", "deploy.ray.annotate", str(folder), str(tmp_path / name), "--part-files", "2"]
        environment = {**os.environ, **settings}
        return subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=stderr, start_new_session=True
        )

    killed = begin("killed.parquet")
    until = time.monotonic() + 300
    while not list((tmp_path / "killed.parquet.parts").glob("*.parquet")):
        assert killed.poll() is None
        assert time.monotonic() < until
        time.sleep(0.05)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    done = sorted((tmp_path / "killed.parquet.parts").glob("*.parquet"))
    kept = len(done)
    done[0].write_bytes(b"")
    assert not (tmp_path / "killed.parquet").exists()
    other = begin("killed.parquet", subprocess.PIPE, FER_DETECTOR="centerface")
    _, said = other.communicate(timeout=300)
    assert other.returncode == 1
    assert b"belongs to another job" in said
    for name in ("killed.parquet", "whole.parquet"):
        assert begin(name).wait(timeout=300) == 0
    assert kept < 7
    whole, continued = (pq.read_table(tmp_path / name) for name in ("whole.parquet", "killed.parquet"))
    assert continued.equals(whole)
    assert len(whole) == 12
    problems = [(tmp_path / f"{name}.parquet.problems.csv").read_text() for name in ("whole", "killed")]
    assert problems[0] == problems[1]
    assert "bad.png,unsupported_media_type" in problems[0]
