"""The forms in which files arrive, read in memory: raw, multipart and, of an image, JSON with base64."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from ..problems import BodyTooLarge, BodyTooSlow, MalformedBody
from ..settings import Settings
from ..tasks import Form
from ..workers.channel import Upload

_CHUNK_BYTES = 2**20
_FILE = {"type": "string", "format": "binary"}


def file_forms(media_types: tuple[str, ...]) -> dict[str, Any]:
    """The raw and the multipart form of a file, for an OpenAPI document."""
    form = {"type": "object", "required": ["file"], "additionalProperties": False, "properties": {"file": _FILE}}
    return {**{name: {"schema": _FILE} for name in media_types}, "multipart/form-data": {"schema": form}}


async def read_image(request: Request, settings: Settings) -> tuple[Form, bytes]:
    """An image and the form that it is in: the file itself, or JSON that holds it. Nothing is written to disk.

    Raises BodyTooLarge, BodyTooSlow, MalformedBody.
    """
    form: Form = "file"
    kind = _content_type(request)
    try:
        async with asyncio.timeout(settings.body_timeout_s):
            if kind == "multipart/form-data":
                upload = await _from_form(request, settings.max_body_bytes)
                image = await upload.read()
                await upload.close()
            elif kind == "application/json":
                form, image = "json", await _read(request, settings.max_body_bytes)
            else:
                # Any other type is a raw image: its first bytes decide what it is, not this header.
                image = await _read(request, settings.max_body_bytes)
    except TimeoutError as error:
        raise _too_slow(settings.body_timeout_s) from error
    if not image:
        raise MalformedBody("The body is empty; it should be an image.")
    return form, image


async def read_video(request: Request, settings: Settings) -> Upload:
    """A video file, in the memory that its worker will read it from. The caller closes it.

    Whole, because an MP4's index may stand at its end. Raises BodyTooLarge, BodyTooSlow, MalformedBody.
    """
    video = Upload()
    try:
        async with asyncio.timeout(settings.video_body_timeout_s):
            if _content_type(request) == "multipart/form-data":
                part = await _from_form(request, settings.max_video_bytes)
                while chunk := await part.read(_CHUNK_BYTES):
                    video.write(chunk)
                await part.close()
            else:
                async for chunk in _limited(request, settings.max_video_bytes):
                    video.write(chunk)
        if video.size == 0:
            raise MalformedBody("The body is empty; it should be a video.")
    except BaseException as error:
        video.close()
        if isinstance(error, TimeoutError):
            raise _too_slow(settings.video_body_timeout_s) from error
        raise
    return video


def _content_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _too_slow(limit_s: float) -> BodyTooSlow:
    return BodyTooSlow(f"The body did not arrive within {limit_s:g} s.", limit=limit_s)


async def _read(request: Request, limit: int) -> bytes:
    return b"".join([chunk async for chunk in _limited(request, limit)])


async def _limited(request: Request, limit: int) -> AsyncGenerator[bytes, None]:
    """The body in chunks. Raises BodyTooLarge as soon as it is known to be larger than `limit` bytes."""
    problem = BodyTooLarge(f"The body is larger than {limit:,} bytes.", limit=limit)
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise problem
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise problem
        yield chunk


async def _from_form(request: Request, limit: int) -> UploadFile:
    parser = MultiPartParser(request.headers, _limited(request, limit), max_files=1, max_fields=1)
    # Starlette would write parts over 1 MB to a temporary file.
    parser.spool_max_size = limit + 1
    wanted = MalformedBody("The multipart form needs one part, a file named 'file', and nothing else.")
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError, ValueError) as error:
        raise wanted from error
    match form.multi_items():
        case [("file", UploadFile() as upload)]:
            return upload
    await form.close()
    raise wanted
