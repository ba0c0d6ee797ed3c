"""What operators and pages ask: alive, ready, which model, which limits."""

from fastapi import APIRouter

from service import schemas
from service.context import Alive
from service.images import ACCEPTED
from service.problems import Draining
from service.routes.predict import problems
from service.schemas import Limits, ModelDescription, Status

router = APIRouter(tags=["operations"])


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


@router.get("/v1/limits", summary="Every limit in force")
async def limits(alive: Alive) -> Limits:
    return schemas.limits(alive.settings, ACCEPTED)
