"""WS /v1/stream: opens a session where there is a place."""

from fastapi import APIRouter
from starlette.websockets import WebSocket

from ..problems import Overloaded
from ..state import StateDep
from ..stream.memory import FrameMemory
from ..stream.protocol import PROTOCOL, CloseCode
from ..stream.session import Session

router = APIRouter()


@router.websocket("/v1/stream")
async def stream(socket: WebSocket, state: StateDep) -> None:
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
        # The connection's own, where it counts what arrives.
        memory = getattr(socket.state, "frame_memory", None) or FrameMemory()
        with state.streams.take(), memory.counted_in(state.budget):
            await Session(socket, state, memory).run()
    except Overloaded as problem:
        await socket.close(CloseCode.TRY_AGAIN_LATER, problem.detail)
