"""What can go wrong, and whether a retry may help."""


class FerError(Exception):
    """The base of all errors of this package. `retryable`: the same call may succeed later.

    `retry_after_s`: seconds after which the service wants to be asked again, where it says so.
    """

    retryable = False
    retry_after_s: float | None = None


class ServiceError(FerError):
    """The service refused or failed: a problem document (RFC 9457), whose `code` is stable.

    `status` is the HTTP status, or 0 where only the code is known, as in a video's CSV. `limit` is the limit that was
    passed, where there is one.
    """

    def __init__(
        self,
        code: str,
        status: int,
        detail: str,
        request_id: str = "",
        *,
        limit: float | None = None,
        retry_after_s: float | None = None,
    ):
        super().__init__(f"{detail} ({code})")
        self.code, self.status, self.detail, self.request_id = code, status, detail, request_id
        self.limit, self.retry_after_s = limit, retry_after_s
        # 502 is a proxy's: the replica that it asked has ended, and another one may answer.
        self.retryable = status in (429, 502, 503)


class Unreachable(FerError):
    """Nobody answers, or the connection was lost."""

    def __init__(self, message: str, *, retryable: bool = True):
        super().__init__(message)
        self.retryable = retryable


class BadAnswer(FerError):
    """Something answers, but not as this service does."""
