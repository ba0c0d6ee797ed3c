"""Requests made up from the OpenAPI document, right and wrong ones: each is answered as the document says."""

import json
import re
from typing import Any

import schemathesis
from hypothesis import strategies as st
from requests.exceptions import ChunkedEncodingError
from schemathesis import Case, Response
from schemathesis.checks import CheckFunction
from schemathesis.specs.openapi.checks import positive_data_acceptance

from service.app import create_app
from service.settings import Settings
from tests.fuzz.effort import LONG, tries
from tests.fuzz.seeds import damaged_files, images, videos

PATIENCE_S = 120
DOCUMENT = create_app(Settings()).openapi()
# What a right request may still be refused for, as no document of this kind can say it: what is in a file, what goes
# together with what, and what this service's model and detectors are.
OF_FILES = {"unsupported_media_type", "undecodable_image", "undecodable_video", "image_too_many_pixels"}
OF_OPTIONS = re.compile(
    "has no effect|no face is searched for|must be after from_s|heatmaps fit into|one heatmap is drawn|"
    "heatmaps are drawn on the frames|^target is |^head is |votes head|^detector is "
)


FILES = images() + videos()
schemathesis.openapi.media_type("application/octet-stream", st.sampled_from(FILES) | damaged_files(FILES))
# The files of forms.
schemathesis.openapi.format("binary", st.sampled_from(FILES))


@schemathesis.deserializer("application/x-ndjson")
def _last_line(context: Any, response: Any) -> Any:
    """Lines are of several kinds: each is one of them, and the last one is checked here."""
    return json.loads(response.content.splitlines()[-1])


api = schemathesis.openapi.from_dict(DOCUMENT)
# It tries each bound of each option, a thousand requests in all.
api.config.phases.coverage.enabled = LONG


@api.parametrize()
@tries(8)
def test_requests_are_answered_as_the_document_says(case: "Case[Any]", address: str) -> None:
    try:
        response = case.call(base_url=f"http://{address}", timeout=PATIENCE_S)
    except ChunkedEncodingError:
        # A drawn video has no place for an error, says the document.
        assert (case.query or {}).get("format") in ("mp4", "webm")
        return
    excluded: list[CheckFunction] = [positive_data_acceptance] if _may_be_refused(response) else []
    case.validate_response(response, excluded_checks=excluded)


def _may_be_refused(response: Response) -> bool:
    if response.status_code not in (415, 422):
        return False
    problem = response.json()
    return problem["code"] in OF_FILES or OF_OPTIONS.search(problem["detail"]) is not None
