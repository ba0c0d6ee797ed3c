"""WS /v1/stream: who may open a session."""

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends
from starlette.responses import JSONResponse
from starlette.websockets import WebSocket

from ..problems import MEDIA_TYPE, ForbiddenOrigin, Problem
from ..state import Context, get_context
from ..stream.protocol import PROTOCOL
from ..stream.session import Session

router = APIRouter()


@router.websocket("/v1/stream")
async def stream(socket: WebSocket, alive: Annotated[Context, Depends(get_context)]) -> None:
    if not _origin_allowed(socket, alive.settings.allowed_origins):
        await _deny(socket, ForbiddenOrigin("Add this page's origin to FER_ALLOWED_ORIGINS."))
        return
    offered = socket.scope["subprotocols"]
    # A client that names no subprotocol (a command-line tool) is taken; one that wants another is told.
    await socket.accept(subprotocol=PROTOCOL if PROTOCOL in offered else None)
    if offered and PROTOCOL not in offered:
        await socket.close(1002, f"the subprotocol here is {PROTOCOL}")
    elif alive.draining.is_set():
        await socket.close(1001, "shutting down")
    elif alive.streams >= alive.settings.max_streams:
        await socket.close(1013, "all streams are taken, try again later")
    else:
        alive.streams += 1
        try:
            await Session(socket, alive).run()
        finally:
            alive.streams -= 1


def _origin_allowed(socket: WebSocket, allowed: tuple[str, ...]) -> bool:
    """CORS does not cover WebSockets: any page could open one if nobody looked."""
    origin = socket.headers.get("origin")
    if origin is None or origin in allowed:
        return True
    try:
        return urlsplit(origin).netloc == socket.headers.get("host")
    except ValueError:  # a bracket without its other half
        return False


async def _deny(socket: WebSocket, problem: Problem) -> None:
    document = problem.document(socket.url.path, socket.state.request_id)
    await socket.send_denial_response(JSONResponse(document, problem.status, media_type=MEDIA_TYPE))
