"""What is decided of a request with a body from its headers alone, before any byte of that body is read."""

import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Literal

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from . import clients
from .middleware import render
from .problems import BodyTooLarge, MalformedBody, Problem, UnsupportedMediaType
from .settings import Settings
from .state import State
from .workers.budget import Reservation
from .workers.pool import KeptPlace

# A type that says something definite, and not what the path takes, is believed. Any other is not: the first bytes of a
# file decide what it is.
_NO_FILES = ("text/", "audio/", "font/", "model/", "message/")
_FILES = ("image/", "video/", "application/")


@dataclass(frozen=True)
class Rule:
    """What a path takes."""

    what: Literal["image", "video", "batch"]
    max_bytes: Callable[[Settings], int]
    refused_types: tuple[str, ...]


RULES = {
    "/v1/predict": Rule("image", lambda settings: settings.max_body_bytes, (*_NO_FILES, "video/")),
    "/v1/predict/video": Rule(
        "video", lambda settings: settings.max_video_bytes, (*_NO_FILES, "image/", "application/json")
    ),
    # Of its form no more is held than a few files, and each has its limit.
    "/v1/predict/batch": Rule("batch", lambda settings: sys.maxsize, (*_NO_FILES, *_FILES)),
}


_TAKEN = {"image": "an image file", "video": "a video file", "batch": "multipart/form-data"}


@dataclass(frozen=True)
class Admitted:
    """What a request holds from its headers to its end: `state.admitted` of the request."""

    memory: Reservation
    place: KeptPlace | None
    give_back: Callable[[], None]
    """Ends it all before the request does; the second call does nothing."""


class Admission:
    """ASGI middleware: refuses from the headers what cannot be answered; else reserves what the request needs.

    Whatever way the request ends, all of it is given back: before the end of the answer is sent, since a client may ask
    for the next thing as soon as it has read that.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        rule = None
        if scope["type"] == "http" and scope["method"] == "POST":
            rule = RULES.get(scope["path"].removeprefix(scope.get("root_path", "")))
        if rule is None:
            await self._app(scope, receive, send)
            return
        with ExitStack() as held:
            try:
                scope["state"]["admitted"] = _admit(scope["state"]["service"], rule, scope, held)
            except Problem as problem:
                await render(Request(scope), problem)(scope, receive, send)
                return

            async def send_and_give_back(message: Message) -> None:
                if message["type"] == "http.response.body" and not message.get("more_body", False):
                    held.close()
                await send(message)

            await self._app(scope, receive, send_and_give_back)


def _admit(state: State, rule: Rule, scope: Scope, held: ExitStack) -> Admitted:
    """Raises the problem of a request that is refused."""
    headers = Headers(scope=scope)
    _check_type(headers, rule)
    size, most = _declared_size(headers), rule.max_bytes(state.settings)
    if size > most:
        raise BodyTooLarge(f"The body is larger than {most:,} bytes.", limit=most)
    memory = held.enter_context(state.budget.reserve(clients.current()))
    place = None
    if rule.what == "image":
        place = state.pool.keep_place()
        held.callback(place.leave)
    elif rule.what == "video":
        held.enter_context(state.videos.take(memory))
    else:
        held.enter_context(state.batches.take())
        return Admitted(memory, None, held.close)
    memory.hold(size)
    return Admitted(memory, place, held.close)


def _check_type(headers: Headers, rule: Rule) -> None:
    coding = headers.get("content-encoding", "identity").strip().lower()
    if coding != "identity":
        raise UnsupportedMediaType(f"The body is encoded ({coding[:40]}); send the {rule.what} as it is.")
    kind, _, parameters = headers.get("content-type", "").partition(";")
    kind = kind.strip().lower()
    if kind == "multipart/form-data":
        if "boundary=" not in parameters.lower():
            raise MalformedBody("The Content-Type of the multipart form names no boundary.")
    elif kind.startswith("multipart/") or kind.startswith(rule.refused_types):
        raise UnsupportedMediaType(f"The Content-Type says {kind[:80]}; this path takes {_TAKEN[rule.what]}.")


def _declared_size(headers: Headers) -> int:
    """Bytes that Content-Length says; 0 where the body comes in chunks, which are counted as they come."""
    declared = headers.get("content-length", "0")
    if not (declared.isascii() and declared.isdecimal()):
        raise MalformedBody("The Content-Length is not a number.")
    return int(declared)
