"""The three forms in which an image arrives, read in memory: raw, multipart, JSON with base64."""

import asyncio
import base64
import binascii
from collections.abc import AsyncGenerator

from fastapi import Request
from pydantic import ValidationError
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from service.problems import BodyTooLarge, BodyTooSlow, MalformedBody
from service.schemas import PredictBody
from service.settings import Settings


async def read_image(request: Request, settings: Settings) -> bytes:
    """The image file's bytes, whichever form they came in; nothing touches the disk.

    Raises BodyTooLarge, BodyTooSlow, MalformedBody.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        async with asyncio.timeout(settings.body_timeout_s):
            if kind == "multipart/form-data":
                image = await _from_form(request, settings.max_body_bytes)
            elif kind == "application/json":
                image = _from_json(await _read(request, settings.max_body_bytes))
            else:
                # Any other type is a raw image: its first bytes say what it is, no header does.
                image = await _read(request, settings.max_body_bytes)
    except TimeoutError as error:
        raise BodyTooSlow(
            f"The body did not arrive within {settings.body_timeout_s:g} s.", limit=settings.body_timeout_s
        ) from error
    if not image:
        raise MalformedBody("The body holds no image: it is empty.")
    return image


async def _read(request: Request, limit: int) -> bytes:
    return b"".join([chunk async for chunk in _limited(request, limit)])


async def _limited(request: Request, limit: int) -> AsyncGenerator[bytes, None]:
    """The body in pieces, refused as soon as it is known to be too large."""
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


async def _from_form(request: Request, limit: int) -> bytes:
    parser = MultiPartParser(request.headers, _limited(request, limit), max_files=1, max_fields=1)
    # Starlette would spool to disk from 1 MB on.
    parser.spool_max_size = limit + 1
    wanted = MalformedBody("The multipart form needs one part, a file named 'file', and nothing else.")
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError, ValueError) as error:
        raise wanted from error
    try:
        match form.multi_items():
            case [("file", UploadFile() as upload)]:
                return await upload.read()
        raise wanted
    finally:
        await form.close()


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
