"""Videos by both clients: what comes line by line, what breaks off, and how much of it is in memory."""

import asyncio
import csv
import threading
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Literal

import pytest
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Send

from fer_client import (
    AsyncClient,
    BadAnswer,
    Client,
    FerError,
    ServiceError,
    Unreachable,
    VideoFrame,
    VideoSummary,
)
from tests.client.answers import VIDEO_ERROR, VIDEO_FRAME, VIDEO_SUMMARY, video_lines
from tests.client.conftest import PHOTO
from tests.client.servers import Scripted, Serve, refused


def both(url: str, path: Path, **options: Any) -> list[tuple[list[VideoFrame | VideoSummary], Exception | None]]:
    """What each client yields, and what it raises after that."""

    def ask() -> tuple[list[VideoFrame | VideoSummary], Exception | None]:
        said = []
        with Client(url) as client:
            try:
                for line in client.video(path, **options):
                    said.append(line)
            except FerError as error:
                return said, error
        return said, None

    async def ask_async() -> tuple[list[VideoFrame | VideoSummary], Exception | None]:
        said = []
        async with AsyncClient(url) as client:
            try:
                async for line in client.video(path, **options):
                    said.append(line)
            except FerError as error:
                return said, error
        return said, None

    return [ask(), asyncio.run(ask_async())]


def test_a_video(url: str, clip: Path) -> None:
    for said, error in both(url, clip, fps=5, to_s=0.9, max_faces=1):
        assert error is None
        *frames, summary = said
        assert isinstance(summary, VideoSummary)
        assert summary.frames_analysed == len(frames) == 5
        assert [track.track_id for track in summary.tracks] == [1]
        assert all(isinstance(frame, VideoFrame) and len(frame.faces) == 1 for frame in frames)
    with Client(url) as client:
        header, *rows = csv.reader(client.video_text(clip, format="csv", fps=5, to_s=0.9))
        assert header[:2] == ["index", "time_s"]
        assert len(rows) == 5
        assert next(client.video_text(clip, format="webvtt")) == "WEBVTT"


def test_what_is_no_video_lines(url: str) -> None:
    for said, error in both(url, PHOTO):
        assert said == []
        assert isinstance(error, ServiceError)
        assert error.code == "unsupported_media_type"


def test_a_videos_frames_and_its_summary(serve: Serve, white: Path) -> None:
    service = Scripted(Response(video_lines(VIDEO_FRAME, {**VIDEO_FRAME, "index": 5, "new": "\u2028"}, VIDEO_SUMMARY)))
    for said, error in both(serve(service), white, fps=2.5, from_s=0.0, to_s=None):
        assert error is None
        first, second, summary = said
        assert isinstance(first, VideoFrame)
        assert isinstance(second, VideoFrame)
        assert isinstance(summary, VideoSummary)
        assert first.faces[0].track_id == 1
        assert (second.index, second.raw["new"]) == (5, "\u2028")
        assert summary.tracks[0].dominant == "happy"
    for asked, body in zip(service.asked, service.bodies, strict=True):
        assert asked.url.path == "/v1/predict/video"
        assert dict(asked.query_params) == {"fps": "2.5", "from_s": "0.0", "format": "ndjson"}
        assert asked.headers["content-length"] == str(len(body))
        assert body == white.read_bytes()


def test_frames_come_while_the_video_is_analysed(serve: Serve, white: Path) -> None:
    seen = threading.Event()

    class Slow(Scripted):
        async def reply(self, request: Request, send: Send) -> None:
            async def lines() -> AsyncIterator[bytes]:
                # A line in two pieces, and the rest only when that line has been seen.
                whole = video_lines(VIDEO_FRAME)
                yield whole[:20]
                yield whole[20:]
                await asyncio.to_thread(seen.wait, 10)
                yield video_lines(VIDEO_SUMMARY).rstrip()

            await StreamingResponse(lines())(request.scope, request.receive, send)

    with Client(serve(Slow())) as client:
        said = client.video(white)
        assert isinstance(next(said), VideoFrame)
        assert not seen.is_set()
        seen.set()
        assert isinstance(next(said), VideoSummary)
        assert list(said) == []


def test_an_error_on_the_way_comes_after_the_frames_before_it(serve: Serve, white: Path) -> None:
    broken = Scripted(Response(video_lines(VIDEO_FRAME, VIDEO_ERROR)))
    for said, error in both(serve(broken), white):
        assert len(said) == 1
        assert isinstance(error, ServiceError)
        assert (error.code, error.detail) == ("undecodable_video", "Broken at 3 s.")


@pytest.mark.parametrize(
    ("body", "frames", "words"),
    [
        (video_lines(VIDEO_FRAME), 1, "before the summary"),
        (b"", 0, "before the summary"),
        (video_lines(VIDEO_FRAME) + b"<html>\n", 1, "not one of this service's: <html>"),
        (video_lines({"type": "news"}), 0, "not one of this service's"),
        (
            video_lines({**VIDEO_FRAME, "time_s": "soon"}),
            0,
            r"VideoFrame: Expected `float`, got `str` - at `\$\.time_s`",
        ),
    ],
)
def test_an_answer_that_is_none_of_the_services(
    serve: Serve, white: Path, body: bytes, frames: int, words: str
) -> None:
    for said, error in both(serve(Scripted(Response(body))), white):
        assert len(said) == frames
        assert isinstance(error, BadAnswer)
        with pytest.raises(BadAnswer, match=words):
            raise error


def test_a_lost_connection_is_told_after_what_arrived(serve: Serve, white: Path) -> None:
    class Cut(Scripted):
        async def reply(self, request: Request, send: Send) -> None:
            # More is promised than comes.
            await Response(video_lines(VIDEO_FRAME), headers={"Content-Length": "10000"})(
                request.scope, request.receive, send
            )

    for said, error in both(serve(Cut()), white):
        assert len(said) == 1
        assert isinstance(error, Unreachable)


def test_a_busy_service_gets_the_video_again(serve: Serve, white: Path) -> None:
    busy = refused(503, "overloaded", {"Retry-After": "0"})
    service = Scripted(busy, Response(video_lines(VIDEO_SUMMARY)), busy, Response(video_lines(VIDEO_SUMMARY)))
    assert [len(said) for said, _ in both(serve(service), white)] == [1, 1]
    assert service.bodies == [white.read_bytes()] * 4


def test_other_formats_are_passed_on_line_by_line(serve: Serve, white: Path) -> None:
    service = Scripted(Response(b"index,time_s\n0,0.0\n"))
    with Client(serve(service)) as client:
        assert list(client.video_text(white, format="csv")) == ["index,time_s", "0,0.0"]
    assert service.asked[0].query_params["format"] == "csv"


@pytest.mark.parametrize(
    ("form", "body", "status"),
    [
        ("csv", b"index,time_s,error\r\n0,0.0,\r\n,,undecodable_video: Broken at 3 s.\r\n", 0),
        (
            "webvtt",
            b"WEBVTT\n\nNOTE " + video_lines(VIDEO_ERROR),
            422,
        ),
    ],
)
def test_an_error_in_other_formats_is_one_too(
    serve: Serve, white: Path, form: Literal["csv", "webvtt"], body: bytes, status: int
) -> None:
    url = serve(Scripted(Response(body)))
    said: list[str] = []
    said_async: list[str] = []

    async def ask() -> None:
        async with AsyncClient(url) as client:
            async for line in client.video_text(white, format=form):
                said_async.append(line)

    with Client(url) as client, pytest.raises(ServiceError) as caught:
        said.extend(client.video_text(white, format=form))
    with pytest.raises(ServiceError):
        asyncio.run(ask())
    assert (caught.value.code, caught.value.detail, caught.value.status) == (
        "undecodable_video",
        "Broken at 3 s.",
        status,
    )
    assert said == said_async == body.decode().removesuffix("\n").split("\n")


def test_a_summary_and_odd_rows_are_no_errors(serve: Serve, white: Path) -> None:
    with Client(serve(Scripted(Response(b"WEBVTT\n\nNOTE " + video_lines(VIDEO_SUMMARY))))) as client:
        assert len(list(client.video_text(white, format="webvtt"))) == 3
    with Client(serve(Scripted(Response(b'a,"b\n\nc\n,,\n')))) as client:
        assert len(list(client.video_text(white, format="csv"))) == 4


def test_a_video_is_never_in_memory_as_a_whole(serve: Serve, tmp_path: Path) -> None:
    large = tmp_path / "large.mp4"
    with large.open("wb") as file:
        file.truncate(64 * 2**20)

    class Counting(Scripted):
        received = 0

        async def reply(self, request: Request, send: Send) -> None:
            async for piece in request.stream():
                self.received += len(piece)
            await Response(video_lines(VIDEO_SUMMARY))(request.scope, request.receive, send)

    counting = Counting()
    url = serve(counting)
    with Client(url) as client:
        tracemalloc.start()
        assert len(list(client.video(large))) == 1
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert counting.received == 64 * 2**20
    assert peak < 8 * 2**20


def test_leaving_a_video_closes_the_connection(serve: Serve, white: Path) -> None:
    gone = threading.Event()

    class Endless(Scripted):
        async def reply(self, request: Request, send: Send) -> None:
            async def lines() -> AsyncIterator[bytes]:
                try:
                    while True:
                        yield video_lines(VIDEO_FRAME)
                        await asyncio.sleep(0.01)
                finally:
                    gone.set()

            await StreamingResponse(lines())(request.scope, request.receive, send)

    with Client(serve(Endless())) as client:
        said = client.video(white)
        next(said)
        said.close()
        assert gone.wait(10)
