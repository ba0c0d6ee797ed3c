"""predict_many of both clients: the same answers as one by one, in order, whatever happens to a batch."""

import asyncio
import json
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import aclosing, closing
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import Send

from fer_client import AsyncClient, Client, Result, ServiceError
from fer_client.batches import BATCH_FILES, BATCH_FROM, Answer, Form
from tests.client.answers import answer, problem
from tests.client.conftest import PHOTO
from tests.client.servers import Scripted, Serve, refused

Answers = list[tuple[Path, Answer]]
Ask = Callable[..., Answers]


def ask(url: str, paths: Any, *, jobs: int = 4, **options: Any) -> Answers:
    with Client(url) as client:
        return list(client.predict_many(paths, jobs=jobs, **options))


def ask_async(url: str, paths: Any, *, jobs: int = 4, **options: Any) -> Answers:
    async def whole() -> Answers:
        async with AsyncClient(url) as client:
            return [said async for said in client.predict_many(paths, jobs=jobs, **options)]

    return asyncio.run(whole())


both = pytest.mark.parametrize("many", [ask, ask_async])


class Batches(Scripted):
    """A service whose batches are answered with `lines` in turn, then with all entries; single requests by `single`."""

    def __init__(self, *lines: bytes, single: Response | None = None):
        super().__init__()
        self._lines, self._single = list(lines), single or JSONResponse(answer())
        self.batches: list[int] = []
        self.singles = 0

    async def reply(self, request: Request, send: Send) -> None:
        if not request.url.path.endswith("/batch"):
            self.singles += 1
            await request.body()
            await self._single(request.scope, request.receive, send)
            return
        form = await request.form(max_files=10_000)
        self.batches.append(len(form.getlist("file")))
        await form.close()
        content = self._lines.pop(0) if self._lines else entries(self.batches[-1])
        await Response(content, media_type="application/x-ndjson")(request.scope, request.receive, send)


def entries(files: int, **others: dict[str, Any]) -> bytes:
    """Lines with the index as the request's id; `others` are errors by index."""
    lines = []
    for index in range(files):
        error = others.get(f"at{index}")
        lines.append({"index": index, **({"error": error} if error else {"result": answer(request_id=str(index))})})
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def ids(said: Answers) -> list[str]:
    return [found.request_id if isinstance(found, Result | ServiceError) else str(found) for _, found in said]


# --- the real service --------------------------------------------------------------------------


@both
def test_each_file_gets_what_it_gets_alone(url: str, tmp_path: Path, white: Path, black: Path, many: Ask) -> None:
    text, empty = tmp_path / "text.jpg", tmp_path / "empty.png"
    text.write_text("no picture")
    empty.touch()
    paths = [white, text, black, PHOTO, empty, white] * 4
    options = {"explain": "gradcam", "min_face_px": 40}
    said = many(url, paths, **options)
    assert [path for path, _ in said] == paths
    with Client(url) as client:
        for path, found in said:
            if isinstance(found, Result):
                alone = client.predict(path, **options)  # type: ignore[arg-type]
                assert (found.faces, found.image, found.model) == (alone.faces, alone.image, alone.model)
                assert {**found.raw, "request_id": "", "timing_ms": ""} == {
                    **alone.raw,
                    "request_id": "",
                    "timing_ms": "",
                }
                continue
            assert isinstance(found, ServiceError)
            with pytest.raises(ServiceError) as caught:
                client.predict(path, **options)  # type: ignore[arg-type]
            assert (found.code, found.status) == (caught.value.code, caught.value.status)


@both
def test_a_file_over_the_limit_fails_alone(small_bodies: str, white: Path, tmp_path: Path, many: Ask) -> None:
    large = tmp_path / "large.png"
    large.write_bytes(bytes(2000))
    codes = [getattr(found, "code", None) for _, found in many(small_bodies, [white] * 9 + [large] + [white] * 9)]
    assert codes == [None] * 9 + ["body_too_large"] + [None] * 9


@both
def test_a_path_without_a_file_fails_alone(url: str, white: Path, many: Ask) -> None:
    said = many(url, [*[white] * 5, white.parent / "missing.png", white.parent, *[white] * 30])
    assert [isinstance(found, OSError) for _, found in said] == [False] * 5 + [True] * 2 + [False] * 30


# --- when a batch is sent ----------------------------------------------------------------------


@both
@pytest.mark.parametrize(
    ("files", "jobs", "options", "batches", "singles"),
    [
        (0, 4, {}, [], 0),
        (BATCH_FROM - 1, 4, {}, [], BATCH_FROM - 1),
        (BATCH_FROM, 4, {}, [BATCH_FROM], 0),
        (2 * BATCH_FILES + 1, 4, {}, [BATCH_FILES] * 2, 1),
        (BATCH_FILES, 1, {}, [], BATCH_FILES),
        (BATCH_FILES, 4, {"explain": "gradcam", "target": "all"}, [], BATCH_FILES),
    ],
)
def test_batches_are_for_many_files(
    serve: Serve,
    white: Path,
    many: Ask,
    files: int,
    jobs: int,
    options: dict[str, str],
    batches: list[int],
    singles: int,
) -> None:
    service = Batches()
    said = many(serve(service), [white] * files, jobs=jobs, **options)
    assert len(said) == files
    assert all(isinstance(found, Result) for _, found in said)
    assert (service.batches, service.singles) == (batches, singles)


@both
def test_any_number_of_files_needs_no_memory(serve: Serve, tmp_path: Path, many: Ask) -> None:
    """160 MB of them, from a generator that has never more than a few batches ahead."""
    large = tmp_path / "large.png"
    with large.open("wb") as file:
        file.truncate(2**18)
    taken, count = 0, 640

    def paths() -> Iterator[Path]:
        nonlocal taken
        for _ in range(count):
            taken += 1
            yield large

    class Counting(Scripted):
        async def reply(self, request: Request, send: Send) -> None:
            files = 0
            async for piece in request.stream():
                files += piece.count(b"Content-Disposition")
            lines = Response(entries(files), media_type="application/x-ndjson")
            await lines(request.scope, request.receive, send)

    url = serve(Counting())
    ahead: list[int] = []

    def work() -> None:
        with Client(url) as client:
            for number, _ in enumerate(client.predict_many(paths()), 1):
                ahead.append(taken - number)

    async def work_async() -> None:
        async with AsyncClient(url) as client:
            number = 0
            async for _ in client.predict_many(paths()):
                number += 1
                ahead.append(taken - number)

    tracemalloc.start()
    work() if many is ask else asyncio.run(work_async())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(ahead) == count
    assert max(ahead) <= 3 * BATCH_FILES
    assert peak < 32 * 2**20


# --- services that are old, busy, gone or something else ---------------------------------------


@both
@pytest.mark.parametrize(
    "old",
    [
        refused(404, "not_found"),
        refused(405, "method_not_allowed"),
        PlainTextResponse("<html>", 404),
        PlainTextResponse("<html>", 413),
        JSONResponse(answer()),
    ],
)
def test_a_service_without_batches_gets_single_requests(serve: Serve, white: Path, many: Ask, old: Response) -> None:
    class Old(Batches):
        async def reply(self, request: Request, send: Send) -> None:
            if request.url.path.endswith("/batch"):
                self.batches.append(0)
                await request.body()
                await old(request.scope, request.receive, send)
            else:
                await super().reply(request, send)

    service = Old()
    said = many(serve(service), [white] * 6 * BATCH_FILES)
    assert ids(said) == ["a1"] * 6 * BATCH_FILES
    assert service.singles == 6 * BATCH_FILES
    assert len(service.batches) <= 2


@both
def test_entries_that_the_service_was_too_busy_for_are_tried_again(serve: Serve, white: Path, many: Ask) -> None:
    busy, broken = problem(503, "overloaded", request_id="busy"), problem(422, "undecodable_image", request_id="broken")
    service = Batches(entries(BATCH_FROM, at1=busy, at3=broken, at7=busy))
    said = many(serve(service), [white] * BATCH_FROM)
    assert ids(said) == ["0", "a1", "2", "broken", "4", "5", "6", "a1"]
    assert (service.batches, service.singles) == ([BATCH_FROM], 2)


@both
def test_files_without_an_entry_are_asked_for_alone(serve: Serve, white: Path, many: Ask) -> None:
    whole = entries(BATCH_FROM)
    for cut, kept in ((entries(3), 3), (whole[: len(entries(4)) - 20], 3), (entries(2) + b"<html>\n", 2), (b"", 0)):
        service = Batches(cut)
        said = many(serve(service), [white] * BATCH_FROM)
        assert ids(said) == [*map(str, range(kept)), *["a1"] * (BATCH_FROM - kept)]


@both
def test_a_lost_connection_costs_no_file(serve: Serve, white: Path, many: Ask) -> None:
    class Cut(Batches):
        async def reply(self, request: Request, send: Send) -> None:
            if request.url.path.endswith("/batch"):
                await request.body()
                headers = {"Content-Length": "100000"}
                lines = Response(entries(3), headers=headers, media_type="application/x-ndjson")
                await lines(request.scope, request.receive, send)
            else:
                await super().reply(request, send)

    said = many(serve(Cut()), [white] * BATCH_FROM)
    assert ids(said) == ["0", "1", "2", *["a1"] * (BATCH_FROM - 3)]


def test_a_file_that_is_gone_when_it_is_sent_breaks_no_form(white: Path, tmp_path: Path) -> None:
    batch = Form([white, tmp_path / "gone.png", white])
    boundary = batch.headers["Content-Type"].partition("boundary=")[2].encode()
    before, first, second, third, end = b"".join(batch.pieces()).split(b"--" + boundary)
    contents = [each.partition(b"\r\n\r\n")[2] for each in (first, second, third)]
    assert contents == [white.read_bytes() + b"\r\n", b"\r\n", white.read_bytes() + b"\r\n"]
    assert (before, end) == (b"", b"--\r\n")
    assert {index: type(error) for index, error in batch.unreadable.items()} == {1: FileNotFoundError}


@both
def test_leaving_early_ends_the_batches(serve: Serve, white: Path, many: Ask) -> None:
    service = Batches()
    url = serve(service)

    async def leave() -> None:
        async with AsyncClient(url) as client, aclosing(client.predict_many([white] * 1000)) as answers:
            async for _ in answers:
                return

    if many is ask:
        with Client(url) as client, closing(client.predict_many([white] * 1000)) as answers:
            next(answers)
    else:
        asyncio.run(leave())
    time.sleep(0.3)
    assert len(service.batches) <= 3
