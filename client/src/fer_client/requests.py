"""Where the service is, and what both clients send to it. Nothing here waits or connects."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from fer_client.version import VERSION

DEFAULT_URL = "http://127.0.0.1:8000"
PREDICT = "v1/predict"
VIDEO = "v1/predict/video"
BATCH = "v1/predict/batch"
MODEL = "v1/model"
LIMITS = "v1/limits"
STREAM = "v1/stream"
CHUNK_BYTES = 64 * 1024
USER_AGENT = f"fer-client/{VERSION}"


@dataclass(frozen=True)
class Address:
    """The service's base URL. Raises ValueError for what is not an http or https URL."""

    url: str

    def __post_init__(self) -> None:
        try:
            url = httpx2.URL(self.url)
        except httpx2.InvalidURL as error:
            raise ValueError(f"{self.url!r} is not a valid address: {error}") from error
        if url.scheme not in ("http", "https") or not url.host:
            raise ValueError(f"{self.url!r} is not a valid address: it must look like {DEFAULT_URL}")
        # HTTP:// is http://
        object.__setattr__(self, "url", str(url))

    def __str__(self) -> str:
        """Scheme, host and port, without a password that the URL may hold."""
        url = httpx2.URL(self.url)
        return f"{url.scheme}://{url.netloc.decode()}"

    @property
    def stream_url(self) -> str:
        return f"ws{self.url.removeprefix('http').rstrip('/')}/{STREAM}"


def headers(api_key: str | None) -> dict[str, str]:
    """What every request says of the client. Raises ValueError for a key that no service can have made."""
    if api_key is None:
        return {"User-Agent": USER_AGENT}
    if not (api_key.isascii() and api_key.isprintable() and api_key.split() == [api_key]):
        raise ValueError("the key has characters that no key has; it is one word of letters, digits, - and _")
    return {"User-Agent": USER_AGENT, "Authorization": f"Bearer {api_key}"}


@dataclass(frozen=True)
class Call:
    """One request, which can be built again for every attempt."""

    method: str
    path: str
    options: Mapping[str, Any] = field(default_factory=dict)
    body: bytes | str | os.PathLike[str] | None = None

    @property
    def size(self) -> int | None:
        """The body's length in bytes, where it is known before the body is sent."""
        if isinstance(self.body, bytes):
            return len(self.body)
        return Path(self.body).stat().st_size if self.body is not None and Path(self.body).is_file() else None

    def request(self, http: httpx2.Client) -> httpx2.Request:
        """The request for a synchronous client. Raises OSError for a path without a file."""
        body = self.body if self.body is None or isinstance(self.body, bytes) else _chunks(Path(self.body))
        return http.build_request(self.method, self.path, params=self._params, headers=self._headers, content=body)

    def async_request(self, http: httpx2.AsyncClient) -> httpx2.Request:
        """The request for an asyncio client. Raises OSError for a path without a file."""
        body = self.body if self.body is None or isinstance(self.body, bytes) else _async_chunks(Path(self.body))
        return http.build_request(self.method, self.path, params=self._params, headers=self._headers, content=body)

    @property
    def _params(self) -> dict[str, Any]:
        return without_none(self.options)

    @property
    def _headers(self) -> dict[str, str]:
        if self.body is None:
            return {}
        # The service reads the type from the file's first bytes; this only says that the body is the file itself.
        headers = {"Content-Type": "application/octet-stream"}
        return headers if self.size is None else {**headers, "Content-Length": str(self.size)}


def without_none(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that were set."""
    return {name: value for name, value in options.items() if value is not None}


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


async def _async_chunks(path: Path) -> AsyncIterator[bytes]:
    # Opening a pipe waits for its writer, so a thread does it. A file is opened here: where the request is cancelled
    # while a thread opens it, nobody would close it.
    with path.open("rb") if path.is_file() else await asyncio.to_thread(path.open, "rb") as file:
        while chunk := await asyncio.to_thread(file.read, CHUNK_BYTES):
            yield chunk
