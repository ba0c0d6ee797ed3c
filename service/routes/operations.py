"""Health, the model and the limits: what operators and clients ask."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from .. import descriptions
from ..descriptions import Limits, ModelDescription, Status
from ..images import ACCEPTED
from ..privacy import Privacy
from ..privacy import privacy as describe_privacy
from ..problems import Draining, NotReady
from ..rates import WINDOW_S
from ..state import StateDep
from .predict import problems

router = APIRouter(tags=["operations"])

MODEL_TYPE = "application/octet-stream"


@router.get("/livez", summary="The process answers")
async def livez() -> Status:
    return Status()


@router.get(
    "/readyz", summary="The model is loaded, workers are there, and requests are accepted", responses=problems(503)
)
async def readyz(state: StateDep) -> Status:
    """503 after the stop signal, and where no worker can take an image: none is there, or they die while they wait.

    While the service starts, it does not listen yet.
    """
    if state.draining.is_set():
        raise Draining("The service is shutting down; ask another one.", retry_after_s=5)
    if not state.pool.is_ready:
        raise NotReady("No worker can take an image; ask another service, or this one later.", retry_after_s=1)
    return Status()


@router.get(
    "/metrics",
    summary="What has been counted since the start, for Prometheus",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def metrics(request: Request, state: StateDep) -> Response:
    text, media_type = state.metrics.text(request.headers.get("accept", ""))
    return Response(text, media_type=media_type)


@router.get("/privacy", summary="What is kept (nothing), logged, counted and traced")
async def privacy(state: StateDep) -> Privacy:
    return describe_privacy(state.settings, rate_window_s=WINDOW_S, is_traced=state.tracer is not None)


@router.get("/v1/model", summary="What the ONNX file says of itself, and how the detector searches")
async def model(state: StateDep) -> ModelDescription:
    return descriptions.model_description(state.contract, state.detectors)


@router.get(
    "/v1/model/file",
    summary="The ONNX file itself, to run it elsewhere",
    response_class=Response,
    responses={
        200: {"content": {MODEL_TYPE: {"schema": {"type": "string", "format": "binary"}}}},
        304: {"description": "The client's copy, whose ETag is in If-None-Match, is the file that is served"},
    },
)
async def model_file(request: Request, state: StateDep) -> Response:
    """Its ETag is its SHA-256, as `/v1/model` gives it."""
    headers = {"ETag": f'"{state.contract.sha256}"'}
    if headers["ETag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(state.model_file, media_type=MODEL_TYPE, headers=headers)


@router.get("/v1/limits", summary="Every limit in force, and the defaults of options")
async def limits(state: StateDep) -> Limits:
    return descriptions.limits(state.settings, ACCEPTED)
