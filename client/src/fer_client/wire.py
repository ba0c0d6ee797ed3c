"""What both clients put on the wire and how they read what comes back; nothing here waits or connects."""

import asyncio
import csv
import json
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import httpx2

from fer_client.errors import BadAnswer, FerError, ServiceError, Unreachable
from fer_client.results import Limits, Problem, VideoFrame, VideoSummary, read
from fer_client.retries import retry_after_s
from fer_client.version import VERSION

DEFAULT_URL = "http://127.0.0.1:8000"
VIDEO = "v1/predict/video"
CHUNK_BYTES = 64 * 1024

Image = bytes | str | os.PathLike[str]
TextFormat = Literal["csv", "webvtt"]


@dataclass(frozen=True)
class Target:
    """Where the service is, and the key to it. Raises ValueError for an address or a key that cannot be one."""

    url: str
    key: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        try:
            url = httpx2.URL(self.url)
        except httpx2.InvalidURL as error:
            raise ValueError(f"{self.url!r} is no address: {error}") from error
        if url.scheme not in ("http", "https") or not url.host:
            raise ValueError(f"{self.url!r} is no address: it must look like {DEFAULT_URL}")
        if self.key is not None and not (self.key.isascii() and self.key.isprintable() and " " not in self.key):
            raise ValueError("a key has ASCII letters, digits and signs only, and no spaces")

    @property
    def name(self) -> str:
        """Scheme, host and port, without a password that the address may hold."""
        url = httpx2.URL(self.url)
        return f"{url.scheme}://{url.netloc.decode()}"

    @property
    def stream_url(self) -> str:
        return f"ws{self.url.removeprefix('http').rstrip('/')}/v1/stream"

    @property
    def headers(self) -> dict[str, str]:
        headers = {"User-Agent": f"fer-client/{VERSION}"}
        return headers if self.key is None else {**headers, "Authorization": f"Bearer {self.key}"}


@dataclass(frozen=True)
class Call:
    """One request, which can be built again for every try."""

    method: str
    path: str
    options: Mapping[str, Any] = field(default_factory=dict)
    body: Image | None = None

    @property
    def size(self) -> int | None:
        """Bytes of the body, where that is known before it is sent."""
        if isinstance(self.body, bytes):
            return len(self.body)
        return Path(self.body).stat().st_size if self.body is not None and Path(self.body).is_file() else None

    def request(self, http: httpx2.Client) -> httpx2.Request:
        body = self.body if self.body is None or isinstance(self.body, bytes) else _chunks(Path(self.body))
        return http.build_request(self.method, self.path, params=self._params, headers=self._headers, content=body)

    def request_async(self, http: httpx2.AsyncClient) -> httpx2.Request:
        body = self.body if self.body is None or isinstance(self.body, bytes) else _chunks_async(Path(self.body))
        return http.build_request(self.method, self.path, params=self._params, headers=self._headers, content=body)

    @property
    def _params(self) -> dict[str, Any]:
        return given(self.options)

    @property
    def _headers(self) -> dict[str, str]:
        if self.body is None:
            return {}
        # The service judges a file by its first bytes; this only says that the body is the file itself.
        headers = {"Content-Type": "application/octet-stream"}
        return headers if self.size is None else {**headers, "Content-Length": str(self.size)}


def given(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that were set."""
    return {name: value for name, value in options.items() if value is not None}


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


async def _chunks_async(path: Path) -> AsyncIterator[bytes]:
    with await asyncio.to_thread(path.open, "rb") as file:
        while chunk := await asyncio.to_thread(file.read, CHUNK_BYTES):
            yield chunk


# --- answers -----------------------------------------------------------------------------------


def refusal(status: int, body: bytes | bytearray, retry_after: str | None, said: str) -> FerError:
    """The error that an answer other than 2xx stands for; `said` is for one that is no problem document."""
    wait_s = retry_after_s(retry_after)
    try:
        return read(Problem, json.loads(body)).error(wait_s)
    except (ValueError, BadAnswer):
        pass
    # Something in front of the service speaks for it: a proxy that guards it, or one that cannot reach it.
    if status in (401, 403, 429) or status >= 500:
        return ServiceError(f"http_{status}", status, said, retry_after_s=wait_s)
    return BadAnswer(f"{said}, which is not how this service answers")


def http_refusal(response: httpx2.Response, target: Target) -> FerError:
    """The same for a response whose body has been read."""
    said = f"{target.name} answered {response.status_code} {response.reason_phrase}".rstrip()
    if response.has_redirect_location:
        said += f" (it has moved to {response.headers['location']})"
    return refusal(response.status_code, response.content, response.headers.get("retry-after"), said)


def lost(error: httpx2.RequestError, target: Target) -> FerError:
    """The error that a failed exchange stands for."""
    if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout):
        return Unreachable(f"nobody answers at {target.name}: {str(error) or 'timed out'}")
    if isinstance(error, httpx2.TimeoutException):
        # Asking again would double the load on a service that is slow already.
        return Unreachable(f"{target.name} took too long to answer", retryable=False)
    if isinstance(error, httpx2.NetworkError | httpx2.RemoteProtocolError | httpx2.ProxyError):
        return Unreachable(f"the connection to {target.name} was lost: {str(error) or 'it hung up'}")
    return BadAnswer(f"{target.name} cannot be asked: {error}")


def hung_up(error: httpx2.RequestError, call: Call) -> bool:
    """Whether the service may have refused the body without reading it: its answer is lost with the connection."""
    return call.size is not None and isinstance(
        error, httpx2.ReadError | httpx2.WriteError | httpx2.RemoteProtocolError
    )


def too_large(call: Call, limits: Limits) -> ServiceError | None:
    limit = limits.max_video_bytes if call.path == VIDEO else limits.max_body_bytes
    if call.size is None or call.size <= limit:
        return None
    return ServiceError("body_too_large", 413, f"The file is larger than {limit:,} bytes.", limit=limit)


def document(response: httpx2.Response, target: Target) -> object:
    try:
        return response.json()
    except ValueError as error:
        raise BadAnswer(f"{target.name} answered something else than JSON") from error


class Lines:
    """Bytes in pieces to whole lines; a JSON text may hold other signs that `str.splitlines` would break at."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, piece: bytes) -> list[str]:
        *whole, self._rest = (self._rest + piece).split(b"\n")
        return [line.decode("utf-8", "replace") for line in whole]

    def end(self) -> list[str]:
        """What is left, where the last line has no end."""
        rest, self._rest = self._rest, b""
        return [rest.decode("utf-8", "replace")] if rest else []


def video_line(line: str) -> VideoFrame | VideoSummary:
    """One line of a film's answer. Raises ServiceError for the line that says what went wrong."""
    foreign = f"a line of the video is not one of this service's: {line[:80]}"
    try:
        said = json.loads(line)
    except ValueError as error:
        raise BadAnswer(foreign) from error
    match said.get("type") if isinstance(said, dict) else None:
        case "frame":
            return read(VideoFrame, said)
        case "summary":
            return read(VideoSummary, said)
        case "error":
            raise read(Problem, said).error()
    raise BadAnswer(foreign)


def check_text(line: str, format: TextFormat) -> None:
    """Raises ServiceError for the line of a film's text that says what went wrong: a NOTE of WebVTT, in CSV a row
    that is empty but for its last column."""
    if format == "webvtt" and line.startswith("NOTE {"):
        video_line(line.removeprefix("NOTE "))
    elif format == "csv":
        cells = next(csv.reader([line]), [])
        if len(cells) > 1 and cells[-1] and not any(cells[:-1]):
            code, _, detail = cells[-1].partition(": ")
            raise ServiceError(code, 0, detail)
