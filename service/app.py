"""Assembly: settings in, the ASGI application out. The lifespan makes every object that lives with the service."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypedDict

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.staticfiles import StaticFiles

from . import __version__, card
from .access import AccessMiddleware, listens_to_itself
from .admission import Admission
from .detectors import centerface_file, haar
from .keys import Keys
from .loading import Reloading, start_serving
from .metrics import Metrics
from .middleware import AnswerMiddleware, RecordMiddleware, render
from .problems import Problem
from .rates import Rates
from .record import Templates
from .routes import batch, operations, predict, stream, video
from .routes.document import complete
from .settings import Settings
from .state import State, StateDep
from .stream.document import asyncapi_document
from .tracing import load_tracer
from .workers.budget import Budget
from .workers.failures import Losses
from .workers.places import Places
from .workers.turns import Turns
from .workers.worker import start_fork_server

log = logging.getLogger("service")

WEB = Path(__file__).parent / "web"
# ONNX Runtime for browsers, which `make web` fetches; without it the page cannot run the model itself.
RUNTIME = WEB / "vendor" / "ort.wasm.bundle.min.mjs"


class _Lifespan(TypedDict):
    """What Starlette copies into `state` of every request."""

    service: State


class _Application(FastAPI):
    """FastAPI; its OpenAPI document also says what no route says of itself."""

    def __init__(self, settings: Settings, **named: Any) -> None:
        super().__init__(**named)
        self._settings = settings
        self._completed: dict[str, Any] | None = None

    def openapi(self) -> dict[str, Any]:
        # FastAPI keeps what it has made, until a route is added.
        document = super().openapi()
        if document is not self._completed:
            complete(document, self._settings)
            self._completed = document
        return document


def create_app(settings: Settings) -> FastAPI:
    """The application. Nothing is loaded before its lifespan begins: the documents need no model.

    Raises RateStoreError.
    """
    keys = Keys(settings.api_keys_file)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[_Lifespan]:
        keys.load()
        tracer = load_tracer()
        start_fork_server()
        serving = await start_serving(settings)
        streams = Places(settings.max_streams, name="streams", retry_after_s=10)
        videos = Places(settings.max_videos, name="videos", retry_after_s=10)
        batches = Places(settings.max_batches, name="batches", retry_after_s=5)
        video_losses = Losses()
        metrics = Metrics(
            serving=lambda: state.serving,
            streams=streams,
            videos=videos,
            batches=batches,
            video_losses=video_losses,
        )
        state = State(
            settings=settings,
            serving=serving,
            streams=streams,
            videos=videos,
            batches=batches,
            # One more than there are workers, so that none waits for the next image while single requests go on.
            batch_room=Turns(range(settings.workers + min(1, settings.queue))),
            metrics=metrics,
            budget=Budget(settings.max_held_bytes),
            video_losses=video_losses,
            tracer=tracer,
        )
        for reason in state.detectors.missing:
            log.warning("%s", reason)
        if not state.contract.has_golden_face:
            log.info("%s has no golden face, so damage that leaves it readable is not found out", settings.model)
        if not keys.are_needed and not listens_to_itself(settings.host):
            log.warning(
                "WITHOUT KEYS: whoever reaches %s port %d can use this service. Make keys with "
                "`python -m service.keys` and set FER_API_KEYS_FILE, or let a proxy check who asks",
                settings.host,
                settings.port,
            )
        # For `python -m service`, whose signal handler has no request.
        app.state.service = state
        log.info("serving %s %s, %d workers", settings.model, state.contract.version, settings.workers)
        reloading = asyncio.create_task(Reloading(state, keys).run())
        yield {"service": state}
        state.draining.set()
        reloading.cancel()
        await asyncio.wait([reloading])
        await state.close()
        if tracer is not None:
            await asyncio.to_thread(tracer.close)

    app = _Application(
        settings,
        title="Facial expression recognition",
        version=__version__,
        summary="Finds faces, classifies their expressions, and shows what the network looked at.",
        description="The stream of live frames, `WS /v1/stream`, is described in [asyncapi.yaml](asyncapi.yaml).",
        servers=[
            {"url": "/", "description": "the service that sent this document"},
            {"url": "http://127.0.0.1:8000", "description": "the default address of `make run`"},
        ],
        # Names of functions for those who generate a client: `predict`, not `predict_v1_predict_post`.
        generate_unique_id_function=lambda route: route.name,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        # A redirect names the host that the service was asked for, which a proxy may have changed.
        redirect_slashes=False,
        # FastAPI's own would send paths, queries and the texts of exceptions; ours are those of service/spans.py.
        telemetry={"auto_configure": False, "tracing": False, "metrics": False, "logs": False},
    )
    for route in (predict.router, batch.router, video.router, stream.router, operations.router):
        app.include_router(route)
    _add_pages(app)
    for kind in (Problem, RequestValidationError, HTTPException, ClientDisconnect):
        app.add_exception_handler(kind, _render)
    app.add_middleware(Admission)
    rates = Rates(settings.rate, settings.rate_store)
    app.add_middleware(AccessMiddleware, settings=settings, keys=keys, rates=rates)
    if settings.allowed_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.allowed_origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type"],
            expose_headers=["Retry-After", "X-Request-ID"],
        )
    # Asked each time: `make web` may fetch the runtime while the service runs.
    app.add_middleware(AnswerMiddleware, has_wasm=RUNTIME.exists)
    app.add_middleware(RecordMiddleware, templates=templates_of(app))
    return app


async def _render(request: Request, error: Exception) -> Response:
    """As `render`, which Starlette would call in a thread."""
    return render(request, error)


def templates_of(app: FastAPI) -> Templates:
    """The templates of all paths of the application, pages included."""
    formats = (getattr(route, "path_format", None) for route in iter_route_contexts(app.routes))
    return Templates([each for each in formats if each is not None])


def _add_pages(app: FastAPI) -> None:
    """The page and the API's documentation, with every file they need."""

    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        return FileResponse(WEB / "index.html")

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return FileResponse(WEB / "docs.html")

    @app.get("/stream", include_in_schema=False)
    async def stream_page() -> Response:
        return FileResponse(WEB / "stream.html")

    @app.get("/docs/", include_in_schema=False)
    async def docs_with_slash() -> Response:
        # Relative: the service may live under a path of a larger site.
        return Response(status_code=307, headers={"Location": "../docs"})

    @app.get("/asyncapi.yaml", include_in_schema=False)
    async def stream_document() -> Response:
        # JSON is YAML, and needs no library.
        return Response(json.dumps(asyncapi_document(), indent=2, ensure_ascii=False), media_type="application/yaml")

    @app.get("/page.json", include_in_schema=False)
    async def abilities() -> dict[str, str | None]:
        return {"runtime": f"static/{RUNTIME.relative_to(WEB)}" if RUNTIME.exists() else None}

    @app.get("/card.json", include_in_schema=False)
    def card_figures(state: StateDep) -> dict[str, Any] | None:
        return card.figures(state.settings.model, state.contract.sha256)

    @app.get("/card.md", include_in_schema=False)
    def card_text(state: StateDep) -> Response:
        path = state.settings.model.parent / card.CARD
        # As plain text: browsers save what they take for another kind of file.
        return FileResponse(path, media_type="text/plain") if path.is_file() else Response(status_code=404)

    @app.get("/cascade.xml", include_in_schema=False)
    async def cascade() -> Response:
        return FileResponse(haar.FILE)

    @app.get("/centerface.onnx", include_in_schema=False)
    def centerface(request: Request) -> Response:
        """The network as the service runs it; 404 where its file is missing here."""
        try:
            served = centerface_file.served()
        except centerface_file.DetectorFileError:
            return Response(status_code=404)
        # The licence asks that its notice goes with the file.
        headers = {"ETag": f'"{served.sha256}"', "Link": '<centerface.txt>; rel="license"'}
        if headers["ETag"] in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(served.content, media_type=operations.MODEL_TYPE, headers=headers)

    @app.get("/centerface.txt", include_in_schema=False)
    async def centerface_licence() -> Response:
        licence = centerface_file.licence()
        return PlainTextResponse(licence) if licence else Response(status_code=404)

    app.mount("/static", StaticFiles(directory=WEB), name="static")
    app.mount("/swagger", StaticFiles(packages=[("fastapi_swagger", "resources")]), name="swagger")
