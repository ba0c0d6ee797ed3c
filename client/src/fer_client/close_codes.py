"""The stream's close codes: what each one means to the caller, and whether a new session may follow."""

from dataclasses import dataclass

from fer_client.errors import ServiceError


@dataclass(frozen=True)
class CloseCode:
    """`code` and `status` are those of the error, as over HTTP; `sentence` is for people."""

    code: str
    status: int
    sentence: str
    retryable: bool

    def error(self, reason: str) -> ServiceError:
        """The error to raise; `reason` is what the service said when it closed."""
        detail = f"{self.sentence} The service said: {reason}." if reason else self.sentence
        error = ServiceError(self.code, self.status, detail)
        error.retryable = self.retryable
        return error


CLOSE_CODES = {
    1000: CloseCode("closed", 0, "The service ended the session.", True),
    1001: CloseCode("draining", 503, "The service is shutting down.", True),
    1002: CloseCode("protocol", 400, "The service does not understand this client's protocol.", False),
    1003: CloseCode("protocol", 400, "The service does not know a message that this client sent.", False),
    1007: CloseCode("protocol", 400, "The service could not read a message that this client sent.", False),
    1008: CloseCode("answers_not_read", 503, "The answers were not read fast enough.", True),
    1009: CloseCode("body_too_large", 413, "The frame is larger than the service allows.", False),
    1011: CloseCode("internal", 500, "The service failed.", True),
    # Of servers and proxies in front of the service.
    1012: CloseCode("draining", 503, "The service restarts.", True),
    1013: CloseCode("overloaded", 503, "All streams of the service are taken.", True),
    4408: CloseCode("idle", 503, "The service received no frame for too long.", True),
    4409: CloseCode("session_too_long", 503, "The session reached its longest duration.", True),
    # A client that came back at once would be sent away again.
    4429: CloseCode("rate_limited", 429, "This client sent too many messages.", False),
}
