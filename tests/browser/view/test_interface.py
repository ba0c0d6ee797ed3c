"""/docs, where the interface is tried out: its examples run, and a file that is missing is asked for."""

import json
import re
from typing import TYPE_CHECKING

import pytest

from tests.browser.acts import expect
from tests.browser.chromium import Server, Visit

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page


def opened(page: "Page", operation: str) -> "Locator":
    block = page.locator(f"#operations-predict-{operation}")
    block.locator(".opblock-summary-control").click()
    expect(block.get_by_label("Request content type")).to_be_visible()
    return block


def executed(block: "Locator") -> tuple[str, str]:
    """The status of the answer, and its body."""
    page = block.page
    with page.expect_response(lambda response: "/v1/predict" in response.url) as answered:
        block.get_by_role("button", name="Execute").click()
    status = block.locator(".live-responses-table tbody .response-col_status")
    expect(status).to_contain_text(str(answered.value.status))
    return status.inner_text().strip(), answered.value.text()


def test_the_example_of_an_image_runs(visit: Visit, server: Server) -> None:
    page = visit(url=f"{server.url()}/docs", width=360)
    block = opened(page, "predict")
    kind = block.get_by_label("Request content type")
    expect(kind).to_have_value("application/json")
    # What is entered into another form does not stay.
    kind.select_option("multipart/form-data")
    block.get_by_role("button", name="Take a sample").click()
    expect(block.locator(".chosen")).to_contain_text("Will be sent")
    kind.select_option("application/json")
    expect(block.get_by_label("Request body")).to_have_value(re.compile("data:image/jpeg;base64,"))
    status, body = executed(block)
    assert status == "200"
    [face] = json.loads(body)["faces"]
    assert face["emotion"] == "happy"
    assert page.url.endswith("#/predict/predict"), "an address that can be passed on"
    assert page.evaluate("document.documentElement.scrollWidth") == 360


def with_a_sample(block: "Locator") -> None:
    block.get_by_role("button", name="Take a sample").click()
    expect(block.locator(".chosen")).to_contain_text("Will be sent: portrait.")
    status, body = executed(block)
    assert status == "200"
    assert '"emotion":"happy"' in body


@pytest.mark.parametrize(
    ("operation", "media_type"), [("predict", "application/octet-stream"), ("predict_video", "multipart/form-data")]
)
def test_a_file_is_asked_for_and_a_sample_is_at_hand(
    visit: Visit, server: Server, operation: str, media_type: str
) -> None:
    block = opened(visit(url=f"{server.url()}/docs"), operation)
    block.get_by_label("Request content type").select_option(media_type)
    block.get_by_role("button", name="Execute").click()
    expect(block.get_by_role("alert")).to_contain_text("Choose a file first")
    with_a_sample(block)


def test_a_batch_of_samples_is_at_hand(visit: Visit, server: Server) -> None:
    with_a_sample(opened(visit(url=f"{server.url()}/docs"), "predict_batch"))
