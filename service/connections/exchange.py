"""Exchange: one request and its answer."""

from typing import TYPE_CHECKING, Any, cast

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

if TYPE_CHECKING:
    from .http import HttpConnection

# Where an answer is sent before the request's body has arrived, so much of the body is dropped and the connection goes
# on. A longer rest costs more than another connection.
_DROPPED_BYTES = 2**20


class Exchange(RequestResponseCycle):
    """uvicorn's, which ends the connection where the rest of a body that nobody wants is long, or not to be expected.

    `body_bytes` is what the headers say, None for a body in chunks.
    """

    def __init__(self, connection: "HttpConnection", body_bytes: int | None, **given: Any) -> None:
        self._output = _Output(connection)
        super().__init__(transport=cast(Any, self._output), **given)
        self.status = 0
        self._left = body_bytes

    def count(self, size: int) -> None:
        """So much of the body has arrived."""
        if self._left is not None:
            self._left -= size

    def forget_connection(self) -> None:
        """The connection has ended. What holds an exchange longer, a traceback say, must not hold it too."""
        self._output.forget()

    async def send(self, message: Any) -> None:
        starts = message["type"] == "http.response.start"
        if starts:
            self.status = message["status"]
            # A client that waits for `100 Continue` may send its body or not: only the end of the connection is clear.
            if self.more_body and (self.waiting_for_100_continue or self._left is None or self._left > _DROPPED_BYTES):
                self.keep_alive = False
            # The body of such an answer follows at once.
            self._output.is_held = any(name == b"content-length" for name, _ in message["headers"])
        await super().send(message)
        if not starts:
            self._output.release()


class _Output:
    """The connection as an exchange sees it: what closes it is the connection's own end.

    What is written while it `is_held` goes out with what is written next: each piece that is sent by itself wakes up
    the client, and costs a system call.
    """

    def __init__(self, connection: "HttpConnection") -> None:
        self._connection: HttpConnection | None = connection
        self._held: list[bytes] = []
        self.is_held = False
        self.is_closing = connection.transport.is_closing

    def write(self, data: bytes) -> None:
        self._held.append(data)
        if self.is_held:
            self.is_held = False
        else:
            self.release()

    def release(self) -> None:
        """Send what was held."""
        held, self._held, self.is_held = self._held, [], False
        if held and self._connection is not None:
            self._connection.transport.writelines(held)

    def close(self) -> None:
        self.release()
        if self._connection is not None:
            self._connection.end()

    def forget(self) -> None:
        self._connection = None
