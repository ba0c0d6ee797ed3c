"""python -m service: read the settings, serve until a signal comes."""

import logging
import sys
from types import FrameType

import uvicorn

from service import settings as service_settings
from service.app import create_app
from service.classifier import EmotionClassifier, ModelError

log = logging.getLogger("service")


class Server(uvicorn.Server):
    """Tells the application of the stop signal first, so that streams can say goodbye."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        context = getattr(self.config.app.state, "context", None)  # type: ignore[union-attr]
        if context is not None:
            context.draining.set()
        super().handle_exit(sig, frame)


def main() -> int:
    """0 after a stop signal, 1 when settings or model are refused (the reason is one line)."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    try:
        settings = service_settings.load()
        # The lifespan loads it again; here a refusal is one line instead of a traceback.
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
        ws_max_size=settings.max_frame_bytes,
        # The session keeps the newest frame alone; a longer queue would only hold stale ones.
        ws_max_queue=1,
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
