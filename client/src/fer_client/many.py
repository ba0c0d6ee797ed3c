"""Many files without asyncio: several requests at a time in threads, or batches where these are faster."""

import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
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


class Many:
    """One call of `Client.predict_many`. `predict` is its single request, with retries of its own."""

    def __init__(
        self,
        http: httpx2.Client,
        address: Address,
        options: Mapping[str, Any],
        predict: Callable[[Path], Result],
        budget: Callable[[], RetryBudget],
    ):
        self._http, self._address, self._options = http, address, options
        self._predict, self._budget = predict, budget
        self._takes_batches = True
        self._left = threading.Event()

    def answers(self, paths: Iterable[Path], jobs: int) -> Generator[tuple[Path, Answer], None, None]:
        """Each path with its answer, in order."""
        waiting: deque[tuple[Path, Future[Answer]]] = deque()
        threads = ThreadPoolExecutor(max(jobs, BATCHES), thread_name_prefix="fer")
        try:
            for group in groups(paths):
                if jobs > 1 and self._takes_batches and fits(group, self._options):
                    answers = [Future[Answer]() for _ in group]
                    waiting.extend(zip(group, answers, strict=True))
                    threads.submit(self._batch, group, answers)
                    while len(waiting) > (BATCHES - 1) * BATCH_FILES:
                        yield _first(waiting)
                    continue
                for path in group:
                    waiting.append((path, threads.submit(self._single, path)))
                    while len(waiting) >= jobs:
                        yield _first(waiting)
            while waiting:
                yield _first(waiting)
        finally:
            self._left.set()
            threads.shutdown(wait=False, cancel_futures=True)

    def _single(self, path: Path) -> Answer:
        try:
            return self._predict(path)
        except (FerError, OSError) as error:
            return error

    def _batch(self, paths: list[Path], answers: list[Future[Answer]]) -> None:
        """Answer the files of one batch; those that it leaves open are asked for one by one."""
        form, busy = Form(paths), dict[int, ServiceError]()
        try:
            for index, answer in self._entries(form, len(paths)):
                if isinstance(answer, ServiceError) and answer.retryable:
                    busy[index] = answer
                elif not answers[index].done():
                    answers[index].set_result(form.unreadable.get(index, answer))
        except FerError as error:
            self._takes_batches = self._takes_batches and not is_refusal(error)
        except BaseException as error:
            # Whoever waits for an answer must not wait for ever.
            for open_answer in answers:
                if not open_answer.done():
                    open_answer.set_exception(error)
            return
        for index, path in enumerate(paths):
            if not answers[index].done() and not self._left.is_set():
                answers[index].set_result(form.unreadable.get(index) or self._again(path, busy.get(index)))

    def _again(self, path: Path, error: ServiceError | None) -> Answer:
        if error is not None:
            wait_s = self._budget().wait_s(error)
            if wait_s is None:
                return error
            time.sleep(wait_s)
        return self._single(path)

    def _entries(self, form: Form, files: int) -> Iterator[tuple[int, Result | ServiceError]]:
        request = self._http.build_request(
            "POST", BATCH, params=without_none(self._options), headers=form.headers, content=self._pieces(form)
        )
        splitter = LineSplitter()
        try:
            response = self._http.send(request, stream=True)
            try:
                if not response.is_success:
                    response.read()
                    raise response_error(response, self._address)
                check_answer(response.headers, self._address)
                for piece in response.iter_bytes():
                    for line in splitter.feed(piece):
                        yield read_entry(line, files)
                    if self._left.is_set():
                        return
            finally:
                response.close()
        except httpx2.RequestError as error:
            raise request_error(error, self._address) from error

    def _pieces(self, form: Form) -> Iterator[bytes]:
        """The form, until the caller wants no more answers."""
        for piece in form.pieces():
            if self._left.is_set():
                raise httpx2.WriteError("the caller has left")
            yield piece


def _first(waiting: deque[tuple[Path, Future[Answer]]]) -> tuple[Path, Answer]:
    path, answer = waiting.popleft()
    return path, answer.result()
