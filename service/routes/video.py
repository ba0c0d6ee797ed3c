"""POST /v1/predict/video: a video in, the faces of its frames out while it is being read."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import StreamingResponse
from starlette.types import Message, Send

from ..analysis import check_explained
from ..descriptions import csv_columns
from ..problems import report
from ..state import StateDep
from ..video.analysis import analyse, video_task
from ..video.container import ACCEPTED
from ..video.drawn import MEDIA_TYPES
from ..video.formats import Csv, Format, Ndjson, WebVtt, format_of
from ..video.messages import VideoError, VideoFrame, VideoOptions, VideoSummary
from ..workers.channel import Header
from .bodies import FILE_FORMS, read_video
from .predict import problems

router = APIRouter(tags=["predict"])
log = logging.getLogger("service.video")

# For clients that show how far the reading is.
DURATION_HEADER = "X-Video-Duration-S"

_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": f"One video file, one of {', '.join(ACCEPTED)}. Its first bytes decide; `Content-Type` may say "
        "`video/…` as well: `curl --data-binary @video.mp4 http://127.0.0.1:8000/v1/predict/video`.",
        "content": FILE_FORMS,
    }
}
_ANSWER: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Lines while the video is being read. The last one is a summary, or the error that ended it. "
        "A video that is sent back has no place for an error: where one ends it early, the connection is cut.",
        "headers": {
            DURATION_HEADER: {
                "description": "Seconds that the file says it lasts; left out where it does not say.",
                "schema": {"type": "number"},
            }
        },
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
            **{name: {"schema": {"type": "string", "format": "binary"}} for name in MEDIA_TYPES.values()},
        },
    }
}


async def _until_answered() -> AsyncIterator[AsyncExitStack]:
    """What this stack holds is closed when the answer is over."""
    async with AsyncExitStack() as stack:
        yield stack


@router.post(
    "/v1/predict/video",
    summary="Classify the expressions of a video's faces over time",
    response_class=StreamingResponse,
    responses={**_ANSWER, **problems(400, 408, 413, 415, 422, 500, 503, 504)},
    openapi_extra=_BODY,
)
async def predict_video(
    request: Request,
    options: Annotated[VideoOptions, Query()],
    state: StateDep,
    held: Annotated[AsyncExitStack, Depends(_until_answered)],
) -> StreamingResponse:
    """Answers while it decodes. An error after the first line is the last line; all lines before it stay valid."""
    options = state.allowed(options)
    check_explained(options.target, options.head, state.contract)
    state.detectors.check(options.detector)
    file = await read_video(request, state.settings)
    text = analyse(state, file, video_task(options, request.url.path, request.state.request_id))
    held.push_async_callback(text.aclose)
    opened, _ = await anext(text)
    form = None if options.is_drawn else format_of(options, csv_columns(state.contract))
    media_type = MEDIA_TYPES[options.format] if form is None else form.media_type
    answer = _Answer(request, text, form, media_type, state.settings.stream_send_s)
    if opened["declared_s"] is not None:
        answer.headers[DURATION_HEADER] = f"{opened['declared_s']:.6f}"
    return answer


class _Cut(Exception):
    """A video that is sent back cannot be sent to its end."""


class _Answer(StreamingResponse):
    """Text as it comes, an error of the service or of its worker as the last part of it; or a video, with no `form`."""

    def __init__(
        self,
        request: Request,
        text: AsyncGenerator[tuple[Header, bytes]],
        form: Format | None,
        media_type: str,
        send_s: float,
    ) -> None:
        self._instance, self._request_id = request.url.path, request.state.request_id
        self._text, self._format, self._send_s = text, form, send_s
        # A client that has read the last line may send its next video at once.
        self._give_back = request.state.admitted.give_back
        super().__init__(self._whole_text(), media_type=media_type)

    async def stream_response(self, send: Send) -> None:
        """As Starlette's, but the answer ends when the client does not read it within `send_s`."""

        async def send_in_time(message: Message) -> None:
            async with asyncio.timeout(self._send_s):
                await send(message)

        try:
            await super().stream_response(send_in_time)
        except TimeoutError:
            log.info("request %s: the client does not read the answer", self._request_id)
        except _Cut:
            # The answer is left without its end, so that the server closes the connection.
            log.info("request %s: the video ends early", self._request_id)

    async def _whole_text(self) -> AsyncGenerator[bytes]:
        try:
            async for header, piece in self._text:
                if header.get("last"):
                    await self._text.aclose()
                    self._give_back()
                yield piece
        except Exception as error:
            self._give_back()
            _, document = report(error, instance=self._instance, request_id=self._request_id)
            if self._format is None:
                raise _Cut from error
            yield self._format.error(VideoError(**{**document, "type": "error"})).encode()
