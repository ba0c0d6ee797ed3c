"""POST /v1/predict: one image in, its faces out."""

import time
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from .. import schemas
from ..analysis import check_explained
from ..examples import IMAGE
from ..images import ACCEPTED
from ..problems import MEDIA_TYPE, Overloaded, RateLimited
from ..schemas import PredictBody, PredictOptions, ProblemDocument, Result
from ..state import StateDep
from ..tasks import image_task
from .bodies import FILE_FORMS, read_image

router = APIRouter(tags=["predict"])

_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "One image: as JSON, as the file itself, or as a form. The three give the same answer. "
        f"The file is one of {', '.join(ACCEPTED)}. Its first bytes decide; `Content-Type` may say `image/…` as well.",
        "content": {
            # The first one is what documentation tools offer first, and the only one that can hold an example.
            "application/json": {"schema": PredictBody.model_json_schema(), "example": {"image": IMAGE}},
            **FILE_FORMS,
        },
    }
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors of a path, for its OpenAPI document."""
    reference = {"$ref": f"#/components/schemas/{ProblemDocument.__name__}"}
    return {status: _problem({MEDIA_TYPE: {"schema": reference}}, status) for status in statuses}


def _problem(content: dict[str, Any], status: int) -> dict[str, Any]:
    described: dict[str, Any] = {"description": "A problem", "content": content}
    if status in (RateLimited.status, Overloaded.status):
        described["headers"] = {"Retry-After": {"$ref": "#/components/headers/Retry-After"}}
    return described


@router.post(
    "/v1/predict",
    summary="Find the faces of an image and classify their expressions",
    response_model=Result,
    responses=problems(400, 408, 413, 415, 422, 500, 503, 504),
    openapi_extra=_BODY,
)
async def predict(request: Request, options: Annotated[PredictOptions, Query()], state: StateDep) -> Response:
    options = state.allowed(options)
    check_explained(options.target, options.head, state.contract)
    state.detectors.check(options.detector)
    form, body = await read_image(request, state.settings)
    started = time.perf_counter()
    # Another model may be served by the time of the answer.
    serving = state.serving
    answer = await serving.pool.run(image_task(options.options(), form), body, request.state.admitted.place)
    timing_ms = answer.timing_ms(started)
    result = schemas.result_json(answer.payload, request.state.request_id, serving.model_name, timing_ms)
    return Response(result, media_type="application/json")
