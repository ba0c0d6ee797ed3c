"""What can go wrong, and whether asking again may help."""


class FerError(Exception):
    """Everything that this package raises of its own. `retryable`: the same call may succeed later."""

    retryable = False
    retry_after_s: float | None = None


class ServiceError(FerError):
    """The service said no: a problem document (RFC 9457), whose `code` is stable.

    `status` is 0 where only the code was told, as in a film's CSV.
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
        self.retryable = status in (429, 503)


class Unreachable(FerError):
    """Nobody answers, or the connection was lost."""

    def __init__(self, message: str, *, retryable: bool = True):
        super().__init__(message)
        self.retryable = retryable


class BadAnswer(FerError):
    """Something answers, but not as this service does."""
