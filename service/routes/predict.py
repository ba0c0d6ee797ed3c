"""POST /v1/predict: one image in, its faces out."""

import time
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from fastapi.routing import APIRoute
from starlette.types import Receive, Scope, Send

from .. import schemas
from ..analysis import check_explained
from ..examples import IMAGE
from ..images import ACCEPTED
from ..problems import MEDIA_TYPE, Overloaded, RateLimited
from ..schemas import PredictBody, PredictOptions, ProblemDocument, Result
from ..state import State, StateDep
from ..tasks import image_task
from .bodies import FILE_FORMS, read_image

# Queries whose options are remembered, and the length of the longest, bytes.
_MOST_REMEMBERED, _LONGEST_QUERY = 1000, 200
_remembered: dict[bytes, PredictOptions] = {}


class _PredictRoute(APIRoute):
    """Has FastAPI parse and check each query once.

    It took a third of the time of the service's own process for an image, most of it while the caches of the processor
    hold what the workers need.
    """

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        options = _remembered.get(scope["query_string"])
        if options is None or scope["method"] != "POST":
            await super().handle(scope, receive, send)
        else:
            response = await _answer(Request(scope, receive), options, scope["state"]["service"])
            await response(scope, receive, send)


def _remember(query: bytes, options: PredictOptions) -> None:
    """For queries that were answered: none of them holds any text of the client's own.

    The oldest is forgotten where there are too many.
    """
    if len(query) <= _LONGEST_QUERY:
        if len(_remembered) >= _MOST_REMEMBERED:
            del _remembered[next(iter(_remembered))]
        _remembered[query] = options


router = APIRouter(tags=["predict"], route_class=_PredictRoute)

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
    answer = await _answer(request, options, state)
    _remember(request.scope["query_string"], options)
    return answer


async def _answer(request: Request, options: PredictOptions, state: State) -> Response:
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
