"""What the service's responses and failed connections mean to the caller. Nothing here waits or connects."""

import json
import math

import httpx2

from fer_client.errors import BadAnswer, FerError, ServiceError, Unreachable
from fer_client.requests import VIDEO, Address, Call
from fer_client.results import Limits, Problem, read
from fer_client.retries import retry_after_s


def read_json(response: httpx2.Response, address: Address) -> object:
    """The response's JSON document. Raises BadAnswer where it is none."""
    try:
        return response.json()
    except ValueError as error:
        raise BadAnswer(f"{address} did not answer with JSON") from error


def declared_s(response: httpx2.Response) -> float | None:
    """The seconds that a video's file says it lasts; None where it does not say."""
    try:
        seconds = float(response.headers.get("x-video-duration-s", ""))
    except ValueError:
        return None
    return seconds if 0 < seconds < math.inf else None


def response_error(response: httpx2.Response, address: Address) -> FerError:
    """The error for a response other than 2xx whose body has been read."""
    message = f"{address} answered {response.status_code} {response.reason_phrase}".rstrip()
    if response.has_redirect_location:
        message += f" (it has moved to {response.headers['location']})"
    return status_error(response.status_code, response.content, response.headers.get("retry-after"), message)


def status_error(status: int, body: bytes | bytearray, retry_after: str | None, message: str) -> FerError:
    """The error for a status other than 2xx; `message` is used where the body is not a problem document."""
    wait_s = retry_after_s(retry_after)
    try:
        return read(Problem, json.loads(body)).error(wait_s)
    except (ValueError, BadAnswer):
        pass
    # A proxy in front of the service answers like this: it protects the service, or cannot reach it. 413: it takes no
    # file of this size, others it may.
    if status in (401, 403, 413, 429) or status >= 500:
        return ServiceError(f"http_{status}", status, message, retry_after_s=wait_s)
    return BadAnswer(f"{message}, which is not how this service answers")


def request_error(error: httpx2.RequestError, address: Address) -> FerError:
    """The error for a request without a complete response."""
    if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout):
        return Unreachable(f"nobody answers at {address}: {str(error) or 'timed out'}")
    if isinstance(error, httpx2.TimeoutException):
        # A retry would double the load on a service that is slow already.
        return Unreachable(f"{address} took too long to answer", retryable=False)
    if isinstance(error, httpx2.NetworkError | httpx2.RemoteProtocolError | httpx2.ProxyError):
        return Unreachable(f"the connection to {address} was lost: {str(error) or 'it was closed'}")
    return BadAnswer(f"the request to {address} failed: {error}")


def may_be_too_large(error: httpx2.RequestError, call: Call) -> bool:
    """Whether the service may have refused the body before it was sent: its answer is then lost with the connection."""
    return call.size is not None and isinstance(
        error, httpx2.ReadError | httpx2.WriteError | httpx2.RemoteProtocolError
    )


def size_error(call: Call, limits: Limits) -> ServiceError | None:
    """The service's refusal of a body over its limit; None where the body is not too large."""
    limit = limits.max_video_bytes if call.path == VIDEO else limits.max_body_bytes
    if call.size is None or call.size <= limit:
        return None
    return ServiceError("body_too_large", 413, f"The file is larger than {limit:,} bytes.", limit=limit)
