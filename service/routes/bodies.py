"""The forms in which files arrive, read in memory: raw, multipart and, of an image, JSON with base64."""

import asyncio
import base64
import binascii
import io
from collections.abc import AsyncGenerator
from typing import IO, Any

from fastapi import Request
from pydantic import ValidationError
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from ..problems import BodyTooLarge, BodyTooSlow, MalformedBody
from ..schemas import PredictBody
from ..settings import Settings

_FILE = {"type": "string", "format": "binary"}


def file_forms(media_types: tuple[str, ...]) -> dict[str, Any]:
    """The raw and the multipart form of a file, for an OpenAPI document."""
    form = {"type": "object", "required": ["file"], "additionalProperties": False, "properties": {"file": _FILE}}
    return {**{name: {"schema": _FILE} for name in media_types}, "multipart/form-data": {"schema": form}}


async def read_image(request: Request, settings: Settings) -> bytes:
    """The image file's bytes from any of the three forms; nothing is written to disk.

    Raises BodyTooLarge, BodyTooSlow, MalformedBody.
    """
    kind = _content_type(request)
    try:
        async with asyncio.timeout(settings.body_timeout_s):
            if kind == "multipart/form-data":
                upload = await _from_form(request, settings.max_body_bytes)
                image = await upload.read()
                await upload.close()
            elif kind == "application/json":
                image = _from_json(await _read(request, settings.max_body_bytes))
            else:
                # Any other type is a raw image: its first bytes decide what it is, not this header.
                image = await _read(request, settings.max_body_bytes)
    except TimeoutError as error:
        raise _too_slow(settings.body_timeout_s) from error
    if not image:
        raise MalformedBody("The body is empty; it should be an image.")
    return image


async def read_video(request: Request, settings: Settings) -> IO[bytes]:
    """A video file in memory: without a second copy, because it may be large, and whole, because an MP4's index may
    stand at its end.

    The caller closes it. Raises BodyTooLarge, BodyTooSlow, MalformedBody.
    """
    try:
        async with asyncio.timeout(settings.video_body_timeout_s):
            if _content_type(request) == "multipart/form-data":
                video: IO[bytes] = (await _from_form(request, settings.max_video_bytes)).file
            else:
                video = io.BytesIO()
                async for chunk in _limited(request, settings.max_video_bytes):
                    video.write(chunk)
    except TimeoutError as error:
        raise _too_slow(settings.video_body_timeout_s) from error
    if video.seek(0, io.SEEK_END) == 0:
        video.close()
        raise MalformedBody("The body is empty; it should be a video.")
    video.seek(0)
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


def _from_json(body: bytes) -> bytes:
    wanted = MalformedBody('The JSON body must be {"image": "<base64 or data URI>"} and nothing else.')
    try:
        text = PredictBody.model_validate_json(body).image
    except ValidationError as error:
        raise wanted from error
    if text.startswith("data:"):
        header, comma, text = text.partition(",")
        if not comma or not header.endswith(";base64"):
            raise MalformedBody("The data URI must be base64: data:image/jpeg;base64,…")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedBody("The image is not valid base64.") from error
