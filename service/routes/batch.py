"""POST /v1/predict/batch: many images in one form, an entry for each out, if wanted while the form arrives."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send

from ..analysis import check_explained
from ..batch.batch import Batch, Job
from ..batch.messages import BatchAnswer, BatchError, BatchResult
from ..schemas import PredictOptions
from ..state import StateDep
from ..tasks import image_task
from ..workers.budget import Reservation
from .bodies import FILE
from .multipart import FormFiles
from .predict import problems

router = APIRouter(tags=["predict"])
log = logging.getLogger("service.batch")

NDJSON = "application/x-ndjson"
# So that no more than this waits in the connection of a client that reads slowly.
_PIECE_BYTES = 2**16

_FORM = {
    "type": "object",
    "required": ["file"],
    "additionalProperties": False,
    "properties": {"file": {"type": "array", "items": FILE, "minItems": 1}},
}
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "The images, each as a part with the name `file`: "
        "`curl -F file=@one.jpg -F file=@two.jpg http://127.0.0.1:8000/v1/predict/batch`.",
        "content": {"multipart/form-data": {"schema": _FORM}},
    }
}
_LINE = {"oneOf": [{"$ref": f"#/components/schemas/{line.__name__}"} for line in (BatchResult, BatchError)]}
_ANSWER: dict[int | str, dict[str, Any]] = {
    200: {
        "model": BatchAnswer,
        "description": "An entry for each file, in order. With `Accept: application/x-ndjson` each is a line that is "
        "sent as soon as it is ready, while the rest of the form arrives, for any number of files.",
        "content": {NDJSON: {"schema": _LINE}},
    }
}


@router.post(
    "/v1/predict/batch",
    summary="Find the faces of many images and classify their expressions",
    response_class=StreamingResponse,
    responses={**_ANSWER, **problems(400, 408, 413, 415, 422, 500, 503, 504)},
    openapi_extra=_BODY,
)
async def predict_batch(
    request: Request, options: Annotated[PredictOptions, Query()], state: StateDep
) -> StreamingResponse:
    """One bad image never fails the others: its entry has the problem that it would get by itself."""
    options = state.allowed(options)
    check_explained(options.target, options.head, state.contract)
    state.detectors.check(options.detector)
    memory: Reservation = request.state.admitted.memory
    form = FormFiles(
        request,
        memory,
        most_bytes=state.settings.max_body_bytes,
        file_timeout_s=state.settings.body_timeout_s,
        silence_s=state.settings.silence_s,
        deadline_s=state.settings.batch_deadline_s,
        draining=state.draining,
    )
    await form.begin()
    lines = NDJSON in request.headers.get("accept", "").lower()
    job = Job(
        image_task(options.options()),
        instance=request.url.path,
        request_id=request.state.request_id,
        most_files=None if lines else state.settings.max_batch_files,
    )
    return _Answer(form, Batch(state, job, form.files(), memory), lines=lines, send_s=state.settings.stream_send_s)


class _Answer(StreamingResponse):
    """Entries as lines as soon as they are ready; or as one document, which begins when the whole form has arrived.

    The document begins earlier where its entries take more memory than a batch has for them.
    """

    def __init__(self, form: FormFiles, batch: Batch, *, lines: bool, send_s: float) -> None:
        self._form, self._batch, self._lines, self._send_s = form, batch, lines, send_s
        super().__init__((), media_type=NDJSON if lines else "application/json")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Starlette's own would take the rest of the body, to see whether the client leaves."""

        async def send_in_time(message: Message) -> None:
            await self._send(send, message)

        try:
            async with self._batch, aclosing(self._text()) as self.body_iterator:
                if not self._lines:
                    await self._batch.until_sending()
                if not self._form.is_read:
                    # Not all may be read, and what is not cannot stand before the next request.
                    self.headers["Connection"] = "close"
                await self.stream_response(send_in_time)
        except ClientDisconnect:
            pass
        except TimeoutError:
            log.info("request %s: the client does not read the answer", scope["state"]["request_id"])

    async def _text(self) -> AsyncGenerator[bytes]:
        before, after, end = (b"", b"\n", b"") if self._lines else (b'{"entries":[', b"", b"]}")
        async for entry in self._batch.entries():
            text = before + entry + after
            for begin in range(0, len(text), _PIECE_BYTES):
                yield text[begin : begin + _PIECE_BYTES]
            if not self._lines:
                before = b","
        await self._form.discard()
        yield end

    async def _send(self, send: Send, message: Message) -> None:
        """Raises TimeoutError where the client does not read within `send_s`, and all waits for it."""
        sending = asyncio.ensure_future(send(message))
        try:
            while not (await asyncio.wait({sending}, timeout=self._send_s))[0]:
                if self._batch.waits_for_client:
                    raise TimeoutError
            await sending
        finally:
            sending.cancel()
