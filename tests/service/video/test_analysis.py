"""A video while it is analysed: what is sent when, how it ends, and what is freed then."""

import asyncio
import json
import re
import signal
import threading
import time
from collections.abc import AsyncGenerator
from contextlib import ExitStack, closing
from http.client import HTTPConnection, HTTPResponse
from multiprocessing import active_children
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from service.app import create_app
from service.settings import Settings
from service.workers.channel import Header
from service.workers.worker import Worker
from tests.service.clips import clip, lasting, noisy, steady
from tests.service.processes import serving
from tests.service.troubles import trouble
from tests.service.videos import URL, Caller, ask, limited, lines, soon


def test_all_before_the_damage_is_kept(client: TestClient) -> None:
    whole = clip(steady(4), container="webm", codec="libvpx", grain=99)
    *frames, error = ask(client, noisy(whole), fps=30)
    assert (error["type"], error["status"], error["code"]) == ("error", 422, "undecodable_video")
    assert error["instance"] == URL
    # How many frames fit before the damage depends on the version of the encoder.
    assert 60 < len(frames) < 80
    told = re.fullmatch(r"The video is damaged after (\d\.\d+) s\.", error["detail"])
    assert told is not None
    assert float(told[1]) == pytest.approx(len(frames) / 30, abs=0.1)
    # Of the frame that the damage begins in, VP8 cannot tell whether it is whole.
    assert frames[:-1] == ask(client, whole, fps=30)[: len(frames) - 1]


# Ten rows for two seconds, and one cue: a cue lasts as long as the label stays the same.
@pytest.mark.parametrize(("form", "before"), [("csv", "\n10,2.0,"), ("webvtt", "\n\n00:00:00.000 --> 00:00:02.")])
def test_the_other_forms_tell_of_damage_last(client: TestClient, form: str, before: str) -> None:
    broken = noisy(clip(steady(4), container="webm", codec="libvpx", grain=99))
    answer = client.post(URL, content=broken, params={"crop": "whole", "format": form})
    assert answer.status_code == 200
    assert "undecodable_video" in answer.text.rstrip().splitlines()[-1]
    assert before in answer.text


def test_wall_time(settings: Settings, body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    trouble(monkeypatch, seconds=0.2)
    answers = Worker.answers

    def after_its_start(worker: Worker, message: bytes, _: float) -> AsyncGenerator[tuple[Header, bytes]]:
        """The start of the video's worker counts as well, but takes longer than that where other work runs."""
        return answers(worker, message, asyncio.get_running_loop().time() + 2.0)

    monkeypatch.setattr(Worker, "answers", after_its_start)
    with limited(settings, video_deadline_s=2.0) as client:
        *frames, error = ask(client, body, fps=30)
    assert (error["code"], error["limit"]) == ("deadline_exceeded", 2.0)
    assert 0 < len(frames) <= 10
    assert {frame["type"] for frame in frames} == {"frame"}


def test_an_error_of_the_service_is_the_last_line(
    settings: Settings, body: bytes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    trouble(monkeypatch, error="secret")
    with limited(settings) as client:
        (error,) = ask(client, body)
    assert (error["type"], error["status"], error["code"]) == ("error", 500, "internal")
    assert "secret" not in json.dumps(error)
    assert "secret" in caplog.text


def test_videos_do_not_wait_for_the_workers_of_images(settings: Settings, body: bytes) -> None:
    """Two videos and one worker without a queue: neither fails. A client may have half of the places."""
    with limited(settings, workers=1, queue=0, max_videos=4) as client:
        answers: list[list[dict[str, Any]]] = []
        threads = [threading.Thread(target=lambda: answers.append(ask(client, body))) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
    assert [len(answer) for answer in answers] == [11, 11]
    assert answers[0] == answers[1]


def test_lines_come_while_it_decodes(settings: Settings, body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    trouble(monkeypatch, seconds=0.1)
    came: list[float] = []

    async def take(_: Caller) -> None:
        came.append(time.monotonic())

    async def scenario() -> None:
        app = create_app(settings)
        async with app.router.lifespan_context(app):
            await Caller(app, body, "fps=5&crop=whole").run(take)

    asyncio.run(scenario())
    assert len(came) == 11
    assert came[-1] - came[0] > 0.9


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
            workers = len(active_children())
            first = Caller(app, lasting(body, 600), "fps=30&crop=whole")
            await first.run(leave)
            assert 3 <= len(first.lines) < 10
            assert app.state.service.videos.taken == 0
            assert await soon(lambda: len(active_children()) == workers)
            second = Caller(app, body, "crop=whole")
            await second.run(stay)
            assert (second.status, second.lines[-1]["type"]) == (200, "summary")
            assert await soon(lambda: len(active_children()) == workers)

    asyncio.run(scenario())


def test_a_client_that_does_not_read_is_disconnected(settings: Settings, body: bytes) -> None:
    async def stall(_: Caller) -> None:
        await asyncio.sleep(60)

    async def scenario() -> None:
        app = create_app(settings.model_copy(update={"stream_send_s": 0.2}))
        async with app.router.lifespan_context(app):
            workers = len(active_children())
            began = time.monotonic()
            caller = Caller(app, body, "fps=30&crop=whole")
            await caller.run(stall)
            assert len(caller.lines) == 1
            assert time.monotonic() - began < 10
            assert app.state.service.videos.taken == 0
            assert await soon(lambda: len(active_children()) == workers)

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
    """7,200 frames of 115 kB read, 900 of 77 kB analysed: 830 MB and 70 MB, were they kept."""
    hour = lasting(clip(steady(60, fps=2), size_wh=(320, 240)), 3600)
    pages: list[int] = []

    async def weigh(caller: Caller) -> None:
        pages.append(int(Path("/proc/self/statm").read_text().split()[1]))
        del caller.lines[:-1]

    async def scenario() -> Caller:
        app = create_app(settings)
        async with app.router.lifespan_context(app):
            caller = Caller(app, hour, "fps=0.25&crop=whole")
            await caller.run(weigh)
            return caller

    (summary,) = asyncio.run(scenario()).lines
    assert summary["frames_analysed"] == pytest.approx(900, rel=0.02)
    assert summary["frames_read"] == pytest.approx(7200, rel=0.02)
    assert summary["duration_s"] == pytest.approx(3600, rel=0.02)
    assert (max(pages) - max(pages[:30])) * 4096 < 10 * 2**20


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


def test_a_real_server_notices_who_leaves_and_ends_with_draining(model_path: Path, body: bytes) -> None:
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
