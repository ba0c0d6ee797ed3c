"""Read the settings, serve until a signal comes."""

import asyncio
import gc
import logging
import signal
import socket
import sys
import threading
from types import FrameType

import uvicorn
from starlette.applications import Starlette
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from . import request_log
from . import settings as service_settings
from .app import create_app
from .classifier import ModelError
from .connections.config import Config
from .connections.http import HttpConnection
from .connections.registry import Connections, connections_below_file_limit
from .connections.websocket import WebSocketConnection
from .keys import KeysError
from .rates import RateStoreError
from .workers.heap import bound_heap
from .workers.worker import StartRefused

log = logging.getLogger("service")


class Server(uvicorn.Server):
    """Tells the application of the stop signal first, so that streams and videos end with their last message."""

    def __init__(self, config: uvicorn.Config, app: Starlette) -> None:
        super().__init__(config)
        self._app = app

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        # What was loaded stays until the end: Python need not look through it again and again for what is unused.
        gc.collect()
        gc.freeze()
        # In a terminal that is closed, SIGHUP ends the service as it ends every other program.
        main = threading.current_thread() is threading.main_thread()
        if self.started and main and hasattr(signal, "SIGHUP") and not (sys.stdin and sys.stdin.isatty()):
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._app.state.service.reload.set)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        state = getattr(self._app.state, "service", None)
        if state is not None:
            state.draining.set()
        super().handle_exit(sig, frame)


class Start(logging.Filter):
    """The application's start as a person sees it: where the model is refused, one line and nothing of uvicorn's own.

    An ASGI application around `app`, and the filter of uvicorn's log until `app` has started.
    """

    def __init__(self, app: ASGIApp) -> None:
        super().__init__()
        self._app, self._done = app, False

    def filter(self, record: logging.LogRecord) -> bool:
        return self._done

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return

        async def send_on(message: Message) -> None:
            self._done = self._done or message["type"] == "lifespan.startup.complete"
            await send(message)

        try:
            await self._app(scope, receive, send_on)
        except (ModelError, StartRefused) as error:
            log.error("model refused: %s", error)
            raise
        except KeysError as error:
            log.error("keys refused: %s", error)
            raise
        except Exception:
            log.exception("the start failed")
            raise


def server_for(settings: service_settings.Settings, app: Starlette, start: ASGIApp) -> Server:
    """A server that listens where the settings say, with our limits; `start` is `app` or what is around it."""
    most = connections_below_file_limit(settings.max_connections, settings.workers + settings.max_videos)
    config = Config(
        start,
        connections=Connections(most),
        settings=settings,
        host=settings.host,
        port=settings.port,
        log_config=None,
        # Its lines hold addresses and queries; ours are those of request_log.
        access_log=False,
        http=HttpConnection,
        ws=WebSocketConnection,
        # A frame up to this size is answered by the session (1009 and the limit); a larger one is not read to its end.
        ws_max_size=2 * settings.max_frame_bytes,
        # JPEG does not shrink any further.
        ws_per_message_deflate=False,
        # What was accepted and is not answered by then is ended; together with the rest a stop takes under 3 seconds.
        timeout_graceful_shutdown=2,
        server_header=False,
        proxy_headers=bool(settings.proxies),
        forwarded_allow_ips=list(settings.proxies),
    )
    return Server(config, app)


def serve() -> int:
    """0 after a stop signal, 1 when settings or model are refused (the reason is one line)."""
    bound_heap()
    request_log.configure("auto")
    try:
        settings = service_settings.load()
        request_log.configure(settings.log_format)
        app = create_app(settings)
    except (service_settings.SettingsError, RateStoreError) as error:
        log.error("settings refused: %s", error)
        return 1
    start = Start(app)
    logging.getLogger("uvicorn.error").addFilter(start)
    server = server_for(settings, app, start)
    # uvicorn raises the signal again once it has stopped. By default it would end the process at once, and the folder
    # that multiprocessing has for the fork server's socket would stay.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    try:
        server.run()
    except SystemExit:
        if server.started:
            raise
    return 0 if server.started else 1
