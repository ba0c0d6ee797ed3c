"""python -m service: read the settings, serve until a signal comes."""

import asyncio
import logging
import sys
from types import FrameType

import uvicorn
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from . import settings as service_settings
from .app import create_app
from .classifier import EmotionClassifier, ModelError

log = logging.getLogger("service")


class Server(uvicorn.Server):
    """Tells the application of the stop signal first, so that streams and videos end with their last message."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        state = getattr(self.config.app.state, "service", None)  # type: ignore[union-attr]
        if state is not None:
            state.draining.set()
        super().handle_exit(sig, frame)


class Connection(WebSocketsSansIOProtocol):
    """Reads nothing from a client that does not read itself, and aborts its connection at the end.

    uvicorn's own class keeps its answers to pings in memory, and its close waits until the client has read everything.
    """

    def pause_writing(self) -> None:
        super().pause_writing()
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self.read_paused:
            self.transport.resume_reading()

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        super().on_task_complete(task)
        if self.transport.get_write_buffer_size() > 0:
            self.loop.call_later(self.close_timeout, self.transport.abort)


def main() -> int:
    """0 after a stop signal, 1 when settings or model are refused (the reason is one line)."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    try:
        settings = service_settings.load()
        # The lifespan loads the model again; here a bad file gives one line instead of a traceback.
        EmotionClassifier(settings.model)
    except service_settings.SettingsError as error:
        log.error("settings refused: %s", error)
        return 1
    except ModelError as error:
        log.error("model refused: %s", error)
        return 1
    config = uvicorn.Config(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        log_config=None,
        ws=Connection,
        # A frame up to this size is answered by the session (1009 and the limit); a larger one is not read to its end.
        ws_max_size=2 * settings.max_frame_bytes,
        # JPEG does not shrink any further.
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=8,
        server_header=False,
    )
    server = Server(config)
    server.run()
    return 0 if server.started else 1


if __name__ == "__main__":
    sys.exit(main())
