"""What is checked of every answer."""

from typing import Any

from httpx2 import Response


def assert_problem(response: Response, status: int, code: str) -> dict[str, Any]:
    """Any error: RFC 9457, with our members, and nothing of an exception."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = response.json()
    assert {"type", "title", "status", "detail", "instance", "code", "request_id"} <= set(document)
    assert (document["status"], document["code"]) == (status, code)
    assert document["request_id"] == response.headers["x-request-id"]
    assert "Traceback" not in response.text
    return document


def stable(response: Response) -> dict[str, Any]:
    """An answer without what differs from call to call."""
    assert response.status_code == 200, response.text
    return {key: value for key, value in response.json().items() if key not in ("request_id", "timing_ms")}
