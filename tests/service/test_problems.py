"""A problem is logged and rendered by one function."""

import json

import pytest

from service.problems import Internal, Overloaded, report


def test_a_problem_is_rendered_and_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    error = Overloaded("All workers are busy.", limit=32, retry_after_s=1)
    problem, document = report(error, instance="/v1/predict", request_id="abc")
    assert problem is error
    assert problem.headers == {"Retry-After": "1"}
    assert document == {
        "type": "urn:fer:problem:overloaded",
        "title": "The service is busy",
        "status": 503,
        "detail": "All workers are busy.",
        "instance": "/v1/predict",
        "code": "overloaded",
        "request_id": "abc",
        "limit": 32,
    }
    assert caplog.text == ""


def test_any_other_exception_is_logged_under_the_request_and_tells_the_client_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    problem, document = report(KeyError("secret"), instance="/v1/predict", request_id="abc")
    assert isinstance(problem, Internal)
    assert (document["status"], document["code"], document["request_id"]) == (500, "internal", "abc")
    assert "secret" not in json.dumps(document)
    assert "request abc failed" in caplog.text
    assert "secret" in caplog.text
