"""Assembly: settings in, the ASGI application out. Read the lifespan and you know all that is alive."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypedDict

import cv2
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse
from pydantic.json_schema import models_json_schema
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from .analysis import Analyzer
from .classifier import EmotionClassifier
from .detectors import haar
from .detectors.haar import FaceDetector
from .middleware import Envelope, render, security_headers
from .problems import Problem
from .routes import operations, predict, stream, video
from .schemas import ProblemDocument, VideoError, VideoFrame, VideoSummary
from .settings import Settings
from .state import Context
from .workers import WorkerPool

log = logging.getLogger("service")

WEB = Path(__file__).parent / "web"
# ONNX Runtime for browsers, which `make web` fetches; without it the page leaves out what needs it.
RUNTIME = WEB / "vendor" / "ort.wasm.bundle.min.mjs"


class State(TypedDict):
    """What the lifespan hands to every request."""

    context: Context


class _Application(FastAPI):
    """FastAPI whose document also holds the problem and the video's lines that its paths refer to."""

    def openapi(self) -> dict[str, Any]:
        document = super().openapi()
        _, definitions = models_json_schema(
            [(model, "serialization") for model in (ProblemDocument, VideoFrame, VideoSummary, VideoError)],
            ref_template="#/components/schemas/{model}",
        )
        document["components"]["schemas"] |= definitions["$defs"]
        return document


def create_app(settings: Settings) -> FastAPI:
    """The application. Nothing is loaded before its lifespan begins, so documents need no model."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[State]:
        cv2.setNumThreads(settings.threads)
        classifier = EmotionClassifier(settings.model, threads=settings.threads)
        pool = WorkerPool(threads=settings.threads, queue=settings.queue, deadline_s=settings.deadline_s)
        context = Context(
            settings=settings,
            contract=classifier.contract,
            model_file=classifier.file,
            analyzer=Analyzer(FaceDetector(), classifier, max_pixels=settings.max_pixels),
            pool=pool,
        )
        app.state.context = context
        log.info("serving %s %s, %d threads", settings.model, classifier.contract.version, settings.threads)
        yield {"context": context}
        context.draining.set()
        pool.close()

    app = _Application(
        title="Facial expression recognition",
        version="1",
        summary="Finds faces, reads their expressions, and shows what the network looked at.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    for route in (predict.router, video.router, stream.router, operations.router):
        app.include_router(route)
    _add_pages(app)
    for kind in (Problem, RequestValidationError, HTTPException, ClientDisconnect):
        app.add_exception_handler(kind, render)
    if settings.allowed_origins:
        app.add_middleware(CORSMiddleware, allow_origins=settings.allowed_origins, allow_methods=["GET", "POST"])
    app.add_middleware(Envelope, headers=security_headers(wasm=RUNTIME.exists()))
    return app


def _add_pages(app: FastAPI) -> None:
    """The page and the API's documentation, with every file they need."""

    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        return FileResponse(WEB / "index.html")

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return FileResponse(WEB / "docs.html")

    @app.get("/page.json", include_in_schema=False)
    async def abilities() -> dict[str, str | None]:
        return {"runtime": f"static/{RUNTIME.relative_to(WEB)}" if RUNTIME.exists() else None}

    @app.get("/cascade.xml", include_in_schema=False)
    async def cascade() -> Response:
        return FileResponse(haar.FILE)

    app.mount("/static", StaticFiles(directory=WEB), name="static")
    app.mount("/swagger", StaticFiles(packages=[("fastapi_swagger", "resources")]), name="swagger")
