"""What operators and pages ask: alive, ready, which model, which limits."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from .. import schemas
from ..images import ACCEPTED
from ..problems import Draining
from ..schemas import Limits, ModelDescription, Status
from ..state import Alive
from .predict import problems

router = APIRouter(tags=["operations"])

MODEL_TYPE = "application/octet-stream"


@router.get("/livez", summary="The process answers")
async def livez() -> Status:
    return Status()


@router.get("/readyz", summary="The model is loaded and requests are taken", responses=problems(503))
async def readyz(alive: Alive) -> Status:
    """Before the model is loaded and warmed up nothing listens; from the stop signal on this is 503."""
    if alive.draining.is_set():
        raise Draining("The service is shutting down; ask another one.", retry_after_s=5)
    return Status()


@router.get("/v1/model", summary="What the ONNX file says of itself")
async def model(alive: Alive) -> ModelDescription:
    return schemas.model_description(alive.contract)


@router.get(
    "/v1/model/file",
    summary="The ONNX file itself, to run it elsewhere",
    response_class=Response,
    responses={
        200: {"content": {MODEL_TYPE: {"schema": {"type": "string", "format": "binary"}}}},
        304: {"description": "The client's copy, named by If-None-Match, is the one that is served"},
    },
)
async def model_file(request: Request, alive: Alive) -> Response:
    """Its ETag is its SHA-256, as `/v1/model` gives it."""
    headers = {"ETag": f'"{alive.contract.sha256}"'}
    if headers["ETag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(alive.model_file, media_type=MODEL_TYPE, headers=headers)


@router.get("/v1/limits", summary="Every limit in force")
async def limits(alive: Alive) -> Limits:
    return schemas.limits(alive.settings, ACCEPTED)
