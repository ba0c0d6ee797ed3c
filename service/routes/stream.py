"""WS /v1/stream: who may open a session."""

from urllib.parse import urlsplit

from fastapi import APIRouter
from starlette.websockets import WebSocket

from ..middleware import render
from ..problems import ForbiddenOrigin, Overloaded
from ..state import StateDep
from ..stream.protocol import PROTOCOL, CloseCode
from ..stream.session import Session

router = APIRouter()


@router.websocket("/v1/stream")
async def stream(socket: WebSocket, state: StateDep) -> None:
    if not origin_allowed(socket, state.settings.allowed_origins):
        refusal = ForbiddenOrigin("Add this page's origin to FER_ALLOWED_ORIGINS.")
        await socket.send_denial_response(render(socket, refusal))
        return
    offered = socket.scope["subprotocols"]
    # A client that offers no subprotocol (a command-line tool) is accepted; one that offers only others is told.
    await socket.accept(subprotocol=PROTOCOL if PROTOCOL in offered else None)
    if offered and PROTOCOL not in offered:
        await socket.close(CloseCode.PROTOCOL_ERROR, f"the subprotocol here is {PROTOCOL}")
        return
    if state.draining.is_set():
        await socket.close(CloseCode.GOING_AWAY, "shutting down")
        return
    try:
        with state.streams.take():
            await Session(socket, state).run()
    except Overloaded as problem:
        await socket.close(CloseCode.TRY_AGAIN_LATER, problem.detail)


def origin_allowed(socket: WebSocket, allowed: tuple[str, ...]) -> bool:
    """The service's own pages and those of FER_ALLOWED_ORIGINS: CORS does not apply to WebSockets."""
    origin = socket.headers.get("origin")
    if origin is None or origin in allowed:
        return True
    try:
        return urlsplit(origin).netloc == socket.headers.get("host")
    except ValueError:  # a bracket without its other half
        return False
