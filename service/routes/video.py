"""POST /v1/predict/video: a video in, its frames' faces out while it is being read."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from contextlib import ExitStack
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import StreamingResponse
from starlette.types import Message, Send

from ..middleware import as_problem
from ..problems import Internal, Overloaded
from ..schemas import VideoError, VideoFrame, VideoOptions, VideoSummary
from ..state import Alive
from ..video.analysis import Viewing
from ..video.formats import Csv, Lines, Ndjson, WebVtt, lines_of
from ..video.reader import ACCEPTED
from .bodies import file_forms, read_video
from .predict import problems

router = APIRouter(tags=["predict"])
log = logging.getLogger("service.video")

_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "One video file; its first bytes say what it is.",
        "content": file_forms(ACCEPTED),
    }
}
_ANSWER: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Lines while the video is being read. The last one is a summary, or the error that ended it.",
        "content": {
            Ndjson.media_type: {
                "schema": {
                    "oneOf": [
                        {"$ref": f"#/components/schemas/{line.__name__}"}
                        for line in (VideoFrame, VideoSummary, VideoError)
                    ]
                }
            },
            WebVtt.media_type: {"schema": {"type": "string"}},
            Csv.media_type: {"schema": {"type": "string"}},
        },
    }
}


async def _place(alive: Alive) -> AsyncIterator[ExitStack]:
    """One of the places for videos, until the answer is over; what is to be closed then goes onto the stack."""
    if alive.videos >= alive.settings.max_videos:
        limit = alive.settings.max_videos
        raise Overloaded(f"{limit} videos are under way, no more are taken.", limit=limit, retry_after_s=10)
    alive.videos += 1
    try:
        with ExitStack() as stack:
            yield stack
    finally:
        alive.videos -= 1


@router.post(
    "/v1/predict/video",
    summary="Read the expressions of a video's faces over time",
    response_class=StreamingResponse,
    responses={**_ANSWER, **problems(400, 408, 413, 415, 422, 500, 503, 504)},
    openapi_extra=_BODY,
)
async def predict_video(
    request: Request,
    options: Annotated[VideoOptions, Query()],
    alive: Alive,
    place: Annotated[ExitStack, Depends(_place)],
) -> StreamingResponse:
    """Answers while it decodes. An error after the first line is the last line; all before it stands."""
    alive.check_max_faces(options.max_faces)
    alive.analyzer.check_target(options.target)
    viewing = Viewing(await read_video(request, alive.settings), options, alive)
    place.callback(viewing.close)
    results = await viewing.open()
    return _Answer(request, results, lines_of(options, alive.contract.labels), alive.settings.stream_send_s)


class _Answer(StreamingResponse):
    """Results as lines, an error as the last one."""

    def __init__(
        self, request: Request, results: AsyncIterable[VideoFrame | VideoSummary], lines: Lines, send_s: float
    ) -> None:
        self._instance, self._request_id = request.url.path, request.state.request_id
        self._results, self._lines, self._send_s = results, lines, send_s
        super().__init__(self._text(), media_type=lines.media_type)

    async def stream_response(self, send: Send) -> None:
        """As Starlette's, but a client that does not read is let go."""

        async def send_in_time(message: Message) -> None:
            async with asyncio.timeout(self._send_s):
                await send(message)

        try:
            await super().stream_response(send_in_time)
        except TimeoutError:
            log.info("request %s: the lines are not read", self._request_id)

    async def _text(self) -> AsyncGenerator[str]:
        lines = self._lines
        yield lines.head()
        try:
            async for line in self._results:
                yield lines.frame(line) if isinstance(line, VideoFrame) else lines.summary(line)
        except Exception as error:
            problem = as_problem(error)
            if isinstance(problem, Internal):
                log.error("request %s failed", self._request_id, exc_info=error)
            document = problem.document(self._instance, self._request_id)
            yield lines.error(VideoError(**{**document, "type": "error"}))
