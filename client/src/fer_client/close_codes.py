"""The stream's close codes: what each one means to the caller, and whether a new session may follow."""

from dataclasses import dataclass

from fer_client.errors import ServiceError


@dataclass(frozen=True)
class CloseCode:
    """`code` and `status` of the error: of the same problem over HTTP, else the close code's name and 0.

    `sentence` is for people.
    """

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
    1000: CloseCode("normal", 0, "The service ended the session.", True),
    1001: CloseCode("draining", 503, "The service is shutting down.", True),
    1002: CloseCode("protocol_error", 0, "The service does not understand this client's protocol.", False),
    1003: CloseCode("unsupported_data", 0, "The service does not know a message that this client sent.", False),
    1007: CloseCode("invalid_payload", 0, "The service could not read a message that this client sent.", False),
    1008: CloseCode("policy_violation", 0, "The client did not read the answers fast enough.", True),
    1009: CloseCode("body_too_large", 413, "The frame is larger than the service allows.", False),
    1011: CloseCode("internal", 500, "The service failed.", True),
    1013: CloseCode(
        "overloaded", 503, "All streams of the service, or those of this client, are taken, or its memory is.", True
    ),
    4401: CloseCode("unauthorized", 401, "The service needs a key that it knows.", False),
    4408: CloseCode("idle", 0, "The service received no message for too long.", True),
    4409: CloseCode("session_too_long", 0, "The session reached its longest duration.", True),
    # A client that came back at once would be sent away again.
    4429: CloseCode("too_many_messages", 429, "The client sent too many messages.", False),
    # Not the service's own: a server or a proxy in front of it is restarted.
    1012: CloseCode("draining", 503, "The service is restarted.", True),
}
