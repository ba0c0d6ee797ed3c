"""The forms in which files arrive, read in memory: raw, multipart and, of an image, JSON with base64."""

import asyncio
from collections.abc import Callable
from typing import Any

from fastapi import Request

from ..problems import BodyTooLarge, BodyTooSlow, MalformedBody
from ..settings import Settings
from ..tasks import Form
from ..workers.budget import SLOW_BYTES_PER_S, Reservation
from ..workers.channel import Upload
from .file_form import FileForm

FILE = {"type": "string", "format": "binary"}
_FILE = {**FILE, "minLength": 1}
FILE_FORMS: dict[str, Any] = {
    # Any other type is taken, too, and none makes a difference. Programs that make clients know this one alone.
    "application/octet-stream": {"schema": _FILE},
    "multipart/form-data": {
        "schema": {
            "type": "object",
            "required": ["file"],
            "additionalProperties": False,
            "properties": {"file": _FILE},
        }
    },
}
"""The raw and the multipart form of a file, for an OpenAPI document."""


async def read_image(request: Request, settings: Settings) -> tuple[Form, bytes]:
    """An image and the form that it is in: the file itself, or JSON that holds it. Nothing is written to disk.

    Raises BodyTooLarge, BodyTooSlow, MalformedBody, Overloaded.
    """
    chunks: list[bytes] = []
    form: Form = "json" if _content_type(request) == "application/json" else "file"
    # Any other type than JSON and a form is a raw image: its first bytes decide what it is, not this header.
    await _read(request, chunks.append, settings.max_body_bytes, settings.body_timeout_s, settings.silence_s)
    image = b"".join(chunks)
    if not image:
        raise MalformedBody("The body is empty; it should be an image.")
    return form, image


async def read_video(request: Request, settings: Settings) -> Upload:
    """A video file, in the memory that its worker will read it from. The caller closes it.

    Whole, because an MP4's index may stand at its end. Raises BodyTooLarge, BodyTooSlow, MalformedBody, Overloaded.
    """
    video = Upload()
    try:
        await _read(request, video.write, settings.max_video_bytes, settings.video_body_timeout_s, settings.silence_s)
        if video.size == 0:
            raise MalformedBody("The body is empty; it should be a video.")
    except BaseException:
        video.close()
        raise
    return video


async def _read(
    request: Request, write: Callable[[bytes], object], most_bytes: int, limit_s: float, silence_s: float
) -> None:
    """Pass the file in the body on, as it arrives: within `limit_s`, and never with `silence_s` between two chunks."""
    memory: Reservation = request.state.admitted.memory
    form = None
    if _content_type(request) == "multipart/form-data":
        form = FileForm(request.headers["content-type"], write)
        write = form.write
    size = 0
    loop = asyncio.get_running_loop()
    until = loop.time() + limit_s
    try:
        async with asyncio.timeout(min(limit_s, silence_s)) as deadline:
            memory.arriving(lambda: deadline.reschedule(loop.time()))
            # Not anext() with a default value: CPython 3.11 crashes when that is cancelled.
            async for chunk in request.stream():
                if memory.given_up:
                    raise TimeoutError
                if not chunk:
                    # The end.
                    continue
                deadline.reschedule(min(until, loop.time() + silence_s))
                size += len(chunk)
                if size > most_bytes:
                    raise BodyTooLarge(f"The body is larger than {most_bytes:,} bytes.", limit=most_bytes)
                memory.received(len(chunk))
                write(chunk)
    except TimeoutError as error:
        if memory.given_up:
            raise BodyTooSlow(
                f"Others wait, and the body arrived at less than {SLOW_BYTES_PER_S:,} bytes a second.",
                limit=SLOW_BYTES_PER_S,
            ) from error
        limit_s = min(limit_s, silence_s)
        raise BodyTooSlow(f"The body did not arrive within {limit_s:g} s.", limit=limit_s) from error
    finally:
        memory.arrived()
    if form is not None:
        form.check()


def _content_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()
