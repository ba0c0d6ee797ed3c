"""POST /v1/predict/video: lines while it decodes, in three forms; every option, every limit, and how it ends."""

import asyncio
import csv
import io
import json
import re
import signal
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx2 import Response
from starlette.formparsers import MultiPartParser
from starlette.types import Message

from service import images
from service.analysis import Analysis, Analyzer
from service.app import create_app
from service.images import Grey
from service.settings import Settings
from tests.service.answers import assert_problem
from tests.service.clips import clip, film, lasting, noisy, steady, turned
from tests.service.conftest import LABELS
from tests.service.processes import serving

URL = "/v1/predict/video"


@pytest.fixture(scope="module")
def body() -> bytes:
    """Two seconds of the dark pictures of `clip`."""
    return clip(steady(2))


def portrait(photo: bytes, *, turns: int = 0) -> bytes:
    """Two seconds of a face, turned counter-clockwise by so many quarters."""
    grey = np.rot90(images.decode(photo, max_pixels=2**20).grey, turns)
    return film([(time_s, np.ascontiguousarray(grey)) for time_s in steady(2, fps=5)], size_wh=(512, 512))


def plain(grey: int) -> Grey:
    return np.full((48, 64), grey, np.uint8)


@contextmanager
def limited(settings: Settings, **changes: Any) -> Iterator[TestClient]:
    with TestClient(create_app(settings.model_copy(update=changes))) as client:
        yield client


def lines(response: Response) -> list[dict[str, Any]]:
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in response.text.splitlines()]


def ask(client: TestClient, body: bytes, **options: Any) -> list[dict[str, Any]]:
    """The lines about a video whose pictures are faces already."""
    return lines(client.post(URL, content=body, params={"crop": "whole", **options}))


# --- answers -----------------------------------------------------------------------------------


def test_the_whole_answer(client: TestClient, photo: bytes) -> None:
    *frames, summary = lines(client.post(URL, content=portrait(photo), params={"fps": 2.5}))
    assert [(frame["type"], frame["index"], frame["time_s"]) for frame in frames] == [
        ("frame", number, pytest.approx(number * 0.4)) for number in range(5)
    ]
    for frame in frames:
        (face,) = frame["faces"]
        assert face["track_id"] == 1
        assert abs(face["box"]["x"] - 175) < 40
        assert list(face["emotions"]) == list(LABELS)
        assert sum(face["emotions"].values()) == pytest.approx(1)
        assert face["explanations"] == []
    (track,) = summary.pop("tracks")
    assert summary == {
        "type": "summary",
        "duration_s": pytest.approx(2, abs=0.2),
        "frames_read": 10,
        "frames_analysed": 5,
    }
    assert (track["track_id"], track["from_s"], track["to_s"]) == (1, 0, pytest.approx(1.6))
    for label in LABELS:
        mean = np.mean([frame["faces"][0]["emotions"][label] for frame in frames])
        assert track["mean"][label] == pytest.approx(mean)
    assert track["dominant"] == max(track["mean"], key=lambda label: track["mean"][label])


@pytest.mark.parametrize("turns", [1, 3])
def test_a_camera_held_sideways(client: TestClient, photo: bytes, turns: int) -> None:
    """The file says how to turn it back; the detector finds no face that lies on its side."""
    lying = portrait(photo, turns=-turns)
    assert not any(frame["faces"] for frame in lines(client.post(URL, content=lying))[:-1])
    first, *_ = lines(client.post(URL, content=turned(lying, 90 * turns), params={"fps": 1}))
    (face,) = first["faces"]
    assert (face["box"]["x"], face["box"]["y"]) == (pytest.approx(175, abs=40), pytest.approx(65, abs=40))


def test_no_face_is_an_answer(client: TestClient, body: bytes) -> None:
    *frames, summary = lines(client.post(URL, content=body))
    assert [frame["faces"] for frame in frames] == [[]] * 10
    assert summary["tracks"] == []


def test_both_ways_to_send_it_give_the_same(client: TestClient, body: bytes) -> None:
    raw = ask(client, body)
    form = client.post(URL, files={"file": ("../../etc/passwd", body, "text/html")}, params={"crop": "whole"})
    assert lines(form) == raw
    assert len(raw) == 11


def test_nothing_is_spooled_to_disk(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a temporary file")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    large = clip(steady(4), size_wh=(320, 240), grain=200, codec="mjpeg", container="avi")
    assert len(large) > 3 * MultiPartParser.spool_max_size // 2
    answer = client.post(URL, files={"file": large}, params={"crop": "whole", "fps": 1})
    assert lines(answer)[-1]["type"] == "summary"


def test_csv(client: TestClient, body: bytes) -> None:
    answer = client.post(URL, content=body, params={"crop": "whole", "format": "csv"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(rows) == 10
    for row, frame in zip(rows, ask(client, body), strict=False):
        assert float(row["time_s"]) == frame["time_s"]
        assert {name: float(row[name]) for name in LABELS} == frame["faces"][0]["emotions"]


def test_webvtt(client: TestClient, body: bytes) -> None:
    answer = client.post(URL, content=body, params={"crop": "whole", "format": "webvtt", "fps": 1})
    assert answer.headers["content-type"] == "text/vtt; charset=utf-8"
    cues = answer.text.split("\n\n")
    assert [cue.split("\n")[0] for cue in cues[:3]] == [
        "WEBVTT",
        "00:00:00.000 --> 00:00:01.000",
        "00:00:01.000 --> 00:00:02.000",
    ]
    assert cues[1].split("\n")[1].startswith("1: dark ")


# --- options -----------------------------------------------------------------------------------


def test_a_part_of_it(client: TestClient, body: bytes) -> None:
    *frames, summary = ask(client, body, from_s=0.5, to_s=1.0, fps=10)
    assert [frame["time_s"] for frame in frames] == pytest.approx([0.5, 0.6, 0.7, 0.8, 0.9], abs=1e-3)
    assert [frame["index"] for frame in frames] == [0, 1, 2, 3, 4]
    assert summary["frames_read"] == 15
    assert summary["duration_s"] == pytest.approx(2, abs=0.05)


def test_heatmaps(client: TestClient, body: bytes) -> None:
    first, *_ = ask(client, body, fps=1, explain="gradcam", target="all")
    assert [found["target"] for found in first["faces"][0]["explanations"]] == list(LABELS)
    first, *_ = ask(client, body, fps=1, explain="gradcam", heatmap="overlay")
    assert [found["media_type"] for found in first["faces"][0]["explanations"]] == ["image/jpeg"]


def test_smoothing(client: TestClient) -> None:
    """A dark second, a bright one, a frame a second; the weight that a frame keeps after a second is `smoothing`."""
    pictures = film([(0.0, plain(0)), (0.5, plain(0)), (1.0, plain(255)), (1.5, plain(255))])
    for smoothing, bright in ((0, 1.0), (0.25, 1 / 1.25), (1, 0.5)):
        *frames, summary = ask(client, pictures, fps=1, smoothing=smoothing)
        assert [frame["faces"][0]["emotions"]["bright"] for frame in frames] == pytest.approx([0, bright], abs=0.01)
        assert summary["tracks"][0]["mean"]["bright"] == pytest.approx(0.5, abs=0.01), "of the frames themselves"


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"fps": 0}, "fps"),
        ({"fps": 61}, "fps"),
        ({"fps": "nan"}, "fps"),
        ({"from_s": -1}, "from_s"),
        ({"from_s": "inf"}, "from_s"),
        ({"from_s": 2, "to_s": 2}, "to_s"),
        ({"to_s": 0}, "to_s"),
        ({"format": "xml"}, "format"),
        ({"format": "csv", "explain": "gradcam"}, "format"),
        ({"smoothing": 1.5}, "smoothing"),
        ({"target": "joy"}, "target"),
        ({"max_faces": 51}, "max_faces"),
        ({"frames": 9}, "frames"),
    ],
)
def test_a_bad_option_is_refused_by_name(client: TestClient, options: dict[str, Any], named: str) -> None:
    """Before anything is read: the body would be refused as well."""
    document = assert_problem(client.post(URL, content=b"no video", params=options), 422, "invalid_option")
    assert named in document["detail"]


# --- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"max_video_bytes": 2000}, 413, "body_too_large"),
        ({"max_video_pixels": 3000}, 422, "video_too_many_pixels"),
        ({"max_video_s": 1.5}, 422, "video_too_long"),
    ],
)
def test_limits(settings: Settings, body: bytes, changes: dict[str, Any], status: int, code: str) -> None:
    (limit,) = changes.values()
    assert len(body) > 2000
    with limited(settings, **changes) as client:
        for answer in (client.post(URL, content=body), client.post(URL, files={"file": body})):
            assert assert_problem(answer, status, code)["limit"] == limit
        shown = client.get("/v1/limits").json()
        assert changes.items() <= shown.items()


@pytest.mark.parametrize("content", [b"", b"\0" * 99, b"words"])
def test_what_is_no_video(client: TestClient, content: bytes) -> None:
    answer = client.post(URL, content=content)
    assert_problem(answer, 415 if content else 400, "unsupported_media_type" if content else "malformed_body")


def test_an_image_is_named(client: TestClient, photo: bytes) -> None:
    document = assert_problem(client.post(URL, content=photo), 415, "unsupported_media_type")
    assert "image/jpeg" in document["detail"]
    assert "video/mp4" in document["detail"]


def test_a_form_with_something_else(client: TestClient, body: bytes) -> None:
    assert_problem(client.post(URL, files={"video": body}), 400, "malformed_body")
    assert_problem(client.post(URL, files=[("file", body), ("file", body)]), 400, "malformed_body")


def test_an_index_that_is_cut_off(client: TestClient, body: bytes) -> None:
    assert_problem(client.post(URL, content=body[:-300]), 422, "undecodable_video")


def test_every_hostile_file_gets_an_answer(client: TestClient, media: Path) -> None:
    paths = [*(media / "hostile").iterdir(), *(media / "formats").iterdir(), *(media / "videos").iterdir()]
    assert len(paths) > 50
    for path in paths:
        answer = client.post(URL, content=path.read_bytes(), params={"fps": 0.1})
        if answer.status_code == 200:
            assert lines(answer)[-1]["type"] == "summary", path.name
            assert path.parent.name == "videos"
        else:
            assert answer.status_code in (400, 415, 422), path.name
            assert_problem(answer, answer.status_code, answer.json()["code"])
    assert client.get("/readyz").status_code == 200


# --- how it ends -------------------------------------------------------------------------------


def test_all_before_the_damage_is_kept(client: TestClient) -> None:
    whole = clip(steady(4), container="webm", codec="libvpx", grain=99)
    *frames, error = ask(client, noisy(whole), fps=30)
    assert (error["type"], error["status"], error["code"]) == ("error", 422, "undecodable_video")
    assert error["instance"] == URL
    # The encoder is a real one, whose choices hang on how busy the machine is.
    assert 60 < len(frames) < 80
    told = re.fullmatch(r"The video is damaged after (\d\.\d+) s\.", error["detail"])
    assert told is not None
    assert float(told[1]) == pytest.approx(len(frames) / 30, abs=0.1)
    # Of the frame that the damage begins in, VP8 cannot tell whether it is whole.
    assert frames[:-1] == ask(client, whole, fps=30)[: len(frames) - 1]


@pytest.mark.parametrize("form", ["csv", "webvtt"])
def test_the_other_forms_tell_of_damage_last(client: TestClient, form: str) -> None:
    broken = noisy(clip(steady(4), container="webm", codec="libvpx", grain=99))
    answer = client.post(URL, content=broken, params={"crop": "whole", "format": form})
    assert answer.status_code == 200
    assert "undecodable_video" in answer.text.rstrip().splitlines()[-1]
    assert len(answer.text.splitlines()) > 12


def slowed(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    analyse = Analyzer.analyse_image

    def slow(*args: Any) -> Analysis:
        time.sleep(seconds)
        return analyse(*args)

    monkeypatch.setattr(Analyzer, "analyse_image", slow)


def test_wall_time(settings: Settings, body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    slowed(monkeypatch, 0.2)
    with limited(settings, video_deadline_s=1.0) as client:
        *frames, error = ask(client, body, fps=30)
    assert (error["code"], error["limit"]) == ("deadline_exceeded", 1.0)
    assert 0 < len(frames) <= 5
    assert {frame["type"] for frame in frames} == {"frame"}


def test_an_error_of_ours_is_the_last_line(
    client: TestClient, body: bytes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any) -> Analysis:
        raise RuntimeError("secret")

    monkeypatch.setattr(Analyzer, "analyse_image", broken)
    (error,) = ask(client, body)
    assert (error["type"], error["status"], error["code"]) == ("error", 500, "internal")
    assert "secret" not in json.dumps(error)
    assert "secret" in caplog.text


def test_a_full_queue_is_waited_for(settings: Settings, body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two videos and one worker without a queue: neither fails."""
    slowed(monkeypatch, 0.05)
    with limited(settings, threads=1, queue=0) as client:
        answers: list[list[dict[str, Any]]] = []
        threads = [threading.Thread(target=lambda: answers.append(ask(client, body))) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    assert [len(answer) for answer in answers] == [11, 11]
    assert answers[0] == answers[1]


# --- while it is under way ---------------------------------------------------------------------


class Caller:
    """Asks an application in the same event loop, so that a test holds both ends; `lines` are what came."""

    def __init__(self, app: FastAPI, body: bytes, query: str) -> None:
        self._app, self._body, self._query = app, body, query
        self._left = asyncio.Event()
        self._asked = False
        self.status = 0
        self.lines: list[dict[str, Any]] = []

    async def run(self, on_line: Callable[["Caller"], Awaitable[None]]) -> None:
        """Until the answer ends; `on_line` is awaited before the next line is taken."""

        async def receive() -> Message:
            if not self._asked:
                self._asked = True
                return {"type": "http.request", "body": self._body}
            await self._left.wait()
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.status = message["status"]
            elif message["body"]:
                self.lines.append(json.loads(message["body"]))
                await on_line(self)

        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": "POST",
            "path": URL,
            "raw_path": URL.encode(),
            "root_path": "",
            "scheme": "http",
            "query_string": self._query.encode(),
            "headers": [],
            "state": {"service": self._app.state.service},
        }
        await self._app(scope, receive, send)

    def leave(self) -> None:
        self._left.set()


def video_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("video")]


async def soon(holds: Callable[[], bool]) -> bool:
    """Whether it holds within half a minute."""
    for _ in range(3000):
        if holds():
            return True
        await asyncio.sleep(0.01)
    return False


def test_lines_come_while_it_decodes(settings: Settings, body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """No frame is begun before the line before it was taken, so a slow client costs no memory."""
    analyse, begun = Analyzer.analyse_image, [0]

    def counted(*args: Any) -> Analysis:
        begun[0] += 1
        return analyse(*args)

    monkeypatch.setattr(Analyzer, "analyse_image", counted)
    seen: list[tuple[int, int]] = []

    async def take(caller: Caller) -> None:
        await asyncio.sleep(0.02)
        seen.append((len(caller.lines), begun[0]))

    async def scenario() -> None:
        app = create_app(settings)
        async with app.router.lifespan_context(app):
            await Caller(app, body, "fps=5&crop=whole").run(take)

    asyncio.run(scenario())
    assert seen == [*((number, number) for number in range(1, 11)), (11, 10)]


def test_a_client_that_leaves_frees_everything(settings: Settings, body: bytes) -> None:
    async def leave(caller: Caller) -> None:
        if len(caller.lines) == 3:
            caller.leave()
            # As a server does with what is sent to nobody.
            await asyncio.sleep(0)

    async def stay(_: Caller) -> None:
        pass

    async def scenario() -> None:
        app = create_app(settings.model_copy(update={"max_videos": 1}))
        async with app.router.lifespan_context(app):
            first = Caller(app, lasting(body, 600), "fps=30&crop=whole")
            await first.run(leave)
            assert 3 <= len(first.lines) < 10
            assert app.state.service.videos.taken == 0
            assert await soon(lambda: not video_threads())
            second = Caller(app, body, "crop=whole")
            await second.run(stay)
            assert (second.status, second.lines[-1]["type"]) == (200, "summary")
            assert await soon(lambda: not video_threads())

    asyncio.run(scenario())


def test_a_client_that_does_not_read_is_let_go(settings: Settings, body: bytes) -> None:
    async def stall(_: Caller) -> None:
        await asyncio.sleep(60)

    async def scenario() -> None:
        app = create_app(settings.model_copy(update={"stream_send_s": 0.2}))
        async with app.router.lifespan_context(app):
            began = time.monotonic()
            caller = Caller(app, body, "fps=30&crop=whole")
            await caller.run(stall)
            assert len(caller.lines) == 1
            assert time.monotonic() - began < 10
            assert app.state.service.videos.taken == 0
            assert await soon(lambda: not video_threads())

    asyncio.run(scenario())


def test_one_more_video_than_there_are_places(settings: Settings, body: bytes) -> None:
    async def scenario() -> Caller:
        app = create_app(settings.model_copy(update={"max_videos": 1}))
        second = Caller(app, body, "")

        async def ask_again(caller: Caller) -> None:
            if len(caller.lines) == 1:
                await second.run(nothing)

        async def nothing(_: Caller) -> None:
            pass

        async with app.router.lifespan_context(app):
            first = Caller(app, body, "crop=whole")
            await first.run(ask_again)
            assert first.lines[-1]["type"] == "summary"
        return second

    second = asyncio.run(scenario())
    assert second.status == 503
    assert (second.lines[0]["code"], second.lines[0]["limit"]) == ("overloaded", 1)


def test_the_end_of_the_service_is_the_last_line(settings: Settings, body: bytes) -> None:
    async def scenario() -> Caller:
        app = create_app(settings)

        async def stop(caller: Caller) -> None:
            if len(caller.lines) == 2:
                app.state.service.draining.set()

        async with app.router.lifespan_context(app):
            caller = Caller(app, body, "crop=whole")
            await caller.run(stop)
        return caller

    assert [line.get("code", "") for line in asyncio.run(scenario()).lines] == ["", "", "draining"]


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads the process's memory from /proc")
def test_an_hour_takes_no_more_memory_than_a_minute(settings: Settings) -> None:
    """7,200 frames of 115 kB read, 1,800 of 77 kB analysed: 830 MB and 140 MB, were they kept."""
    hour = lasting(clip(steady(60, fps=2), size_wh=(320, 240)), 3600)
    pages: list[int] = []

    async def weigh(caller: Caller) -> None:
        pages.append(int(Path("/proc/self/statm").read_text().split()[1]))
        del caller.lines[:-1]

    async def scenario() -> Caller:
        app = create_app(settings)
        async with app.router.lifespan_context(app):
            caller = Caller(app, hour, "fps=0.5&crop=whole")
            await caller.run(weigh)
            return caller

    (summary,) = asyncio.run(scenario()).lines
    assert summary["frames_analysed"] == pytest.approx(1800, rel=0.02)
    assert summary["frames_read"] == pytest.approx(7200, rel=0.02)
    assert summary["duration_s"] == pytest.approx(3600, rel=0.02)
    assert (max(pages) - max(pages[:30])) * 4096 < 10 * 2**20


# --- real clips --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["neutral_to_smile.mp4", "neutral_to_smile.webm", "neutral_to_smile.avi"])
def test_one_person_is_one_track(client: TestClient, media: Path, name: str) -> None:
    *frames, summary = lines(client.post(URL, content=(media / "videos" / name).read_bytes()))
    assert len(frames) == 12
    assert sum(len(frame["faces"]) for frame in frames) >= 11
    (track,) = summary["tracks"]
    assert (track["from_s"], track["to_s"]) == (pytest.approx(0, abs=0.2), pytest.approx(2.2, abs=0.2))


def test_a_face_that_goes(client: TestClient, media: Path) -> None:
    *frames, summary = lines(client.post(URL, content=(media / "videos" / "face_then_none.mp4").read_bytes()))
    assert len(summary["tracks"]) == 1
    assert summary["tracks"][0]["to_s"] < 3
    later = [frame["faces"] for frame in frames if frame["time_s"] > 3]
    assert len(later) > 15
    assert later == [[]] * len(later)


# --- a real server -----------------------------------------------------------------------------


def test_a_real_server_sees_who_leaves_and_says_goodbye(model_path: Path, body: bytes) -> None:
    long = lasting(body, 600)
    with serving(model_path, FER_MAX_VIDEOS="1") as (process, address), ExitStack() as stack:

        def post(content: bytes) -> tuple[HTTPConnection, HTTPResponse]:
            connection = stack.enter_context(closing(HTTPConnection(address, timeout=30)))
            connection.request("POST", f"{URL}?crop=whole&fps=30", content)
            return connection, stack.enter_context(connection.getresponse())

        leaving, answer = post(long)
        assert json.loads(answer.readline())["index"] == 0
        _, busy = post(body)
        assert (busy.status, busy.getheader("retry-after")) == (503, "10")
        answer.close()
        leaving.close()
        deadline = time.monotonic() + 10
        while (answer := post(long)[1]).status == 503 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert json.loads(answer.readline())["index"] == 0
        process.send_signal(signal.SIGTERM)
        *_, last = answer.read().splitlines()
        assert json.loads(last)["code"] == "draining"
        assert process.wait(timeout=10) is not None
