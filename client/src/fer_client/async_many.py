"""Many files with asyncio: several requests at a time, or batches where these are faster."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping
from pathlib import Path
from typing import Any

import httpx2

from fer_client.batches import BATCH_FILES, BATCHES, Answer, Form, check_answer, fits, groups, is_refusal, read_entry
from fer_client.errors import FerError, ServiceError
from fer_client.requests import BATCH, Address, without_none
from fer_client.responses import request_error, response_error
from fer_client.results import Result
from fer_client.retries import RetryBudget
from fer_client.video_lines import LineSplitter


class AsyncMany:
    """One call of `AsyncClient.predict_many`. `predict` is its single request, with retries of its own."""

    def __init__(
        self,
        http: httpx2.AsyncClient,
        address: Address,
        options: Mapping[str, Any],
        predict: Callable[[Path], Awaitable[Result]],
        budget: Callable[[], RetryBudget],
    ):
        self._http, self._address, self._options = http, address, options
        self._predict, self._budget = predict, budget
        self._takes_batches = True
        self._tasks: set[asyncio.Task[Any]] = set()

    async def answers(self, paths: Iterable[Path], jobs: int) -> AsyncGenerator[tuple[Path, Answer], None]:
        """Each path with its answer, in order."""
        waiting: deque[tuple[Path, asyncio.Future[Answer]]] = deque()
        try:
            for group in groups(paths):
                if jobs > 1 and self._takes_batches and fits(group, self._options):
                    answers = [asyncio.get_running_loop().create_future() for _ in group]
                    waiting.extend(zip(group, answers, strict=True))
                    self._start(self._batch(group, answers))
                    while len(waiting) > (BATCHES - 1) * BATCH_FILES:
                        yield await _first(waiting)
                    continue
                for path in group:
                    waiting.append((path, self._start(self._single(path))))
                    while len(waiting) >= jobs:
                        yield await _first(waiting)
            while waiting:
                yield await _first(waiting)
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _single(self, path: Path) -> Answer:
        try:
            return await self._predict(path)
        except (FerError, OSError) as error:
            return error

    async def _batch(self, paths: list[Path], answers: "list[asyncio.Future[Answer]]") -> None:
        """Answer the files of one batch; those that it leaves open are asked for one by one."""
        form, busy = Form(paths), dict[int, ServiceError]()
        try:
            async for index, answer in self._entries(form, len(paths)):
                if isinstance(answer, ServiceError) and answer.retryable:
                    busy[index] = answer
                elif not answers[index].done():
                    answers[index].set_result(form.unreadable.get(index, answer))
        except FerError as error:
            self._takes_batches = self._takes_batches and not is_refusal(error)
        except Exception as error:
            # Whoever waits for an answer must not wait for ever.
            for open_answer in answers:
                if not open_answer.done():
                    open_answer.set_exception(error)
            return
        for index, path in enumerate(paths):
            if not answers[index].done():
                answers[index].set_result(form.unreadable.get(index) or await self._again(path, busy.get(index)))

    async def _again(self, path: Path, error: ServiceError | None) -> Answer:
        if error is not None:
            wait_s = self._budget().wait_s(error)
            if wait_s is None:
                return error
            await asyncio.sleep(wait_s)
        return await self._single(path)

    async def _entries(self, form: Form, files: int) -> AsyncGenerator[tuple[int, Result | ServiceError], None]:
        request = self._http.build_request(
            "POST", BATCH, params=without_none(self._options), headers=form.headers, content=_in_threads(form)
        )
        splitter = LineSplitter()
        try:
            response = await self._http.send(request, stream=True)
            try:
                if not response.is_success:
                    await response.aread()
                    raise response_error(response, self._address)
                check_answer(response.headers, self._address)
                async for piece in response.aiter_bytes():
                    for line in splitter.feed(piece):
                        yield read_entry(line, files)
            finally:
                await response.aclose()
        except httpx2.RequestError as error:
            raise request_error(error, self._address) from error

    def _start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


async def _first(waiting: "deque[tuple[Path, asyncio.Future[Answer]]]") -> tuple[Path, Answer]:
    path, answer = waiting.popleft()
    return path, await answer


async def _in_threads(form: Form) -> AsyncIterator[bytes]:
    """The pieces of a form, read from files by threads."""
    pieces = form.pieces()
    while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
        yield piece
