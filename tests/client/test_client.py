"""Both clients against the real service, and against false ones that are busy, gone or something else."""

import asyncio
import os
import socketserver
import threading
import time
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import Send

from fer_client import (
    AsyncClient,
    BadAnswer,
    Client,
    Result,
    ServiceError,
    Unreachable,
)
from tests.client.answers import answer
from tests.client.conftest import PHOTO
from tests.client.servers import Scripted, Serve, refused

# --- the real service --------------------------------------------------------------------------


def test_a_photo_by_path_and_by_bytes(url: str) -> None:
    with Client(url) as client:
        by_path, by_name, by_bytes = (client.predict(image) for image in (PHOTO, str(PHOTO), PHOTO.read_bytes()))
    (found,) = by_path.faces
    assert by_path.image.width == 512
    assert abs(found.box.x - 175) < 20
    assert by_path.faces == by_name.faces == by_bytes.faces


def test_options_reach_the_service(url: str, white: Path) -> None:
    with Client(url) as client:
        (found,) = client.predict(white, crop="whole", explain="gradcam", heatmap="overlay", target="all").faces
    assert found.emotion == "bright"
    assert [explained.target for explained in found.explanations] == ["dark", "bright", "never"]
    assert all(explained.data.startswith(b"\xff\xd8") for explained in found.explanations)


def test_what_is_none_is_left_to_the_service(url: str, white: Path) -> None:
    with Client(url) as client:
        assert client.predict(white, max_faces=None, min_face_px=None).faces == ()


def test_a_refusal_is_the_services_problem(url: str, tmp_path: Path) -> None:
    drawing = tmp_path / "drawing.svg"
    drawing.write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    with Client(url) as client, pytest.raises(ServiceError) as caught:
        client.predict(drawing)
    assert (caught.value.code, caught.value.status) == ("unsupported_media_type", 415)
    assert caught.value.request_id
    assert caught.value.detail in str(caught.value)


def test_a_passed_limit_is_told(url: str) -> None:
    with Client(url) as client, pytest.raises(ServiceError) as caught:
        client.predict(PHOTO, max_faces=51)
    assert (caught.value.code, caught.value.limit) == ("invalid_option", 50)


@pytest.mark.parametrize("bytes_or_path", [bytes, Path])
def test_a_file_too_large_is_told_although_the_connection_is_closed(
    small_bodies: str, tmp_path: Path, bytes_or_path: type[bytes] | type[Path]
) -> None:
    large = tmp_path / "large.jpg"
    with large.open("wb") as file:
        # More than the connection's buffers hold: the service closes it while this is being sent.
        file.truncate(32 * 2**20)
    image = large if bytes_or_path is Path else large.read_bytes()

    async def ask() -> None:
        async with AsyncClient(small_bodies) as client:
            await client.predict(image)

    def ask_sync() -> None:
        with Client(small_bodies) as client:
            client.predict(image)

    for asking in (ask_sync, lambda: asyncio.run(ask())):
        with pytest.raises(ServiceError) as caught:
            asking()
        assert (caught.value.code, caught.value.status, caught.value.limit) == ("body_too_large", 413, 1000)


@pytest.mark.parametrize("path", ["nothing.jpg", "."])
def test_a_path_without_a_file_is_an_os_error(url: str, tmp_path: Path, path: str) -> None:
    with Client(url) as client, pytest.raises(OSError, match=r"No such file|Is a directory"):
        client.predict(tmp_path / path)


def test_a_pipe_is_a_file_too(url: str, white: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(white.read_bytes()))
    writer.start()
    with Client(url) as client:
        assert client.predict(pipe, crop="whole").faces[0].emotion == "bright"
    writer.join()


def test_what_the_service_says_of_itself(url: str) -> None:
    with Client(url) as client:
        assert client.model().labels == ("dark", "bright", "never")
        assert client.model().version == "1.2.3"
        assert client.limits().max_faces == 50
        assert client.limits().raw["queue"] == 32


def test_the_same_with_asyncio(url: str, white: Path, black: Path) -> None:
    async def ask() -> None:
        async with AsyncClient(url) as client:
            assert (await client.model()).labels == ("dark", "bright", "never")
            assert (await client.limits()).max_faces == 50
            by_path = await client.predict(PHOTO)
            assert by_path.faces == (await client.predict(PHOTO.read_bytes())).faces
            with pytest.raises(ServiceError, match="invalid_option"):
                await client.predict(PHOTO, max_faces=51)
            paths = [white, white.parent / "missing.png", *[black] * 5]
            answers = [said async for said in client.predict_many(paths, jobs=3, crop="whole")]
        assert [path for path, _ in answers] == paths
        assert isinstance(answers[1][1], FileNotFoundError)
        found = [said.faces[0].emotion for _, said in answers if isinstance(said, Result)]
        assert found == ["bright", *["dark"] * 5]

    asyncio.run(ask())


# --- a service that is busy, gone or something else --------------------------------------------


@pytest.mark.parametrize(("status", "wait_s"), [(429, 0), (503, 1), (502, 0)])
def test_it_waits_as_long_as_a_busy_service_asks(serve: Serve, status: int, wait_s: int) -> None:
    busy = Scripted(refused(status, "overloaded", {"Retry-After": str(wait_s)}), JSONResponse(answer()))
    with Client(serve(busy)) as client:
        assert client.predict(b"photo").request_id == "a1"
    assert busy.bodies == [b"photo", b"photo"]
    assert busy.times[1] - busy.times[0] >= wait_s


def test_it_waits_until_a_date(serve: Serve) -> None:
    # Dates have whole seconds.
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)
    header = {"Retry-After": format_datetime(until, usegmt=True)}
    busy = Scripted(refused(503, "overloaded", header), JSONResponse(answer()))
    with Client(serve(busy)) as client:
        client.predict(b"photo")
    assert datetime.now(UTC) >= until


def test_a_file_is_read_again_for_every_try(serve: Serve, white: Path) -> None:
    busy = Scripted(refused(503, "overloaded", {"Retry-After": "0"}), JSONResponse(answer()))
    with Client(serve(busy)) as client:
        client.predict(white)
    assert busy.bodies == [white.read_bytes()] * 2
    assert busy.asked[1].headers["content-length"] == str(len(white.read_bytes()))


@pytest.mark.parametrize(
    ("retries", "wait", "asked"), [(2, "0", 3), (0, "0", 1), (5, "61", 1)], ids=["tries", "none", "too long"]
)
def test_it_gives_up(serve: Serve, retries: int, wait: str, asked: int) -> None:
    busy = Scripted(refused(503, "overloaded", {"Retry-After": wait}))
    with Client(serve(busy), retries=retries) as client, pytest.raises(ServiceError) as caught:
        client.predict(b"photo")
    assert caught.value.code == "overloaded"
    assert caught.value.retry_after_s == float(wait)
    assert len(busy.asked) == asked


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 415, 422, 500, 504])
def test_other_refusals_are_final(serve: Serve, status: int) -> None:
    strict = Scripted(refused(status, "no", {"Retry-After": "0"}))
    with Client(serve(strict)) as client, pytest.raises(ServiceError) as caught:
        client.predict(b"photo")
    assert caught.value.status == status
    assert len(strict.asked) == 1


def test_nobody_answers(nowhere: str) -> None:
    began = time.monotonic()
    with Client(nowhere, retries=1) as client:
        with pytest.raises(Unreachable, match=f"nobody answers at {nowhere}"):
            client.predict(b"photo")
        assert time.monotonic() - began >= 0.25


def test_a_service_that_comes_back_is_met(nowhere: str, white: Path) -> None:
    class Late(socketserver.BaseRequestHandler):
        """Closes the first connection."""

        calls = 0

        def handle(self) -> None:
            Late.calls += 1
            if Late.calls == 1:
                return
            self.request.recv(65536)
            self.request.sendall(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nRetry-After: 0\r\n\r\n")

    with socketserver.TCPServer(("127.0.0.1", 0), Late) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        with (
            Client(f"http://127.0.0.1:{server.server_address[1]}", retries=2) as client,
            pytest.raises(ServiceError) as caught,
        ):
            client.model()
        server.shutdown()
        thread.join()
    # A proxy's own answer, without a problem document.
    assert caught.value.code == "http_503"
    assert Late.calls == 3


def test_a_slow_service_is_not_asked_twice(serve: Serve) -> None:
    class Slow(Scripted):
        async def reply(self, request: Request, send: Send) -> None:
            self.asked.append(request)
            await asyncio.sleep(1)

    slow = Slow()
    with Client(serve(slow), timeout=0.2) as client, pytest.raises(Unreachable, match="took too long"):
        client.model()
    assert len(slow.asked) == 1


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (PlainTextResponse("hello"), "did not answer with JSON"),
        (JSONResponse(["hello"]), "Result: Expected `object`, got `array`"),
        (PlainTextResponse("nothing here", 404), "404 Not Found, which is not how this service answers"),
        (JSONResponse({"detail": "Not Found"}, 404), "404 Not Found"),
        (RedirectResponse("https://elsewhere.example/"), "it has moved to https://elsewhere.example/"),
    ],
)
def test_something_else_answers(serve: Serve, said: Response, words: str) -> None:
    with Client(serve(Scripted(said))) as client, pytest.raises(BadAnswer, match=words):
        client.predict(b"photo")


@pytest.mark.parametrize("url", ["", "localhost:8000", "ftp://host", "http://", "http://host:port"])
def test_an_address_that_is_not_one_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="is not a valid address"):
        Client(url)


def test_a_password_in_the_address_is_not_repeated(nowhere: str) -> None:
    with (
        Client(nowhere.replace("//", "//user:hidden@"), retries=0) as client,
        pytest.raises(Unreachable) as caught,
    ):
        client.model()
    assert "hidden" not in str(caught.value)


def test_an_address_may_have_a_path(serve: Serve) -> None:
    behind = Scripted(JSONResponse(answer()))
    with Client(f"{serve(behind)}/fer/") as client:
        client.predict(b"photo")
    assert behind.asked[0].url.path == "/fer/v1/predict"


def test_busy_and_gone_with_asyncio(serve: Serve, nowhere: str, white: Path) -> None:
    busy = Scripted(refused(503, "overloaded", {"Retry-After": "1"}), JSONResponse(answer()))
    url = serve(busy)

    async def ask() -> None:
        async with AsyncClient(url) as client:
            assert (await client.predict(white)).request_id == "a1"
        async with AsyncClient(nowhere, retries=0) as client:
            with pytest.raises(Unreachable):
                await client.model()

    asyncio.run(ask())
    assert busy.bodies == [white.read_bytes()] * 2
    assert busy.times[1] - busy.times[0] >= 1


def test_requests_under_way_are_bounded(serve: Serve, white: Path) -> None:
    class Counting(Scripted):
        now = most = 0

        async def reply(self, request: Request, send: Send) -> None:
            self.now += 1
            self.most = max(self.most, self.now)
            await asyncio.sleep(0.05)
            await super().reply(request, send)
            self.now -= 1

    counting = Counting(JSONResponse(answer()))
    url = serve(counting)

    async def ask() -> list[Any]:
        async with AsyncClient(url) as client:
            return [said async for _, said in client.predict_many([white] * 7, jobs=3)]

    assert len(asyncio.run(ask())) == 7
    assert counting.most == 3


def test_leaving_early_cancels_the_rest(serve: Serve, white: Path) -> None:
    counting = Scripted(JSONResponse(answer()))
    url = serve(counting)

    async def ask() -> None:
        async with AsyncClient(url) as client, aclosing(client.predict_many([white] * 7, jobs=2)) as answers:
            async for _ in answers:
                return

    asyncio.run(ask())
    assert len(counting.asked) <= 3
