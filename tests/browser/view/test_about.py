"""What is around the reading: the model's description and the API's documentation."""

from typing import TYPE_CHECKING

from tests.browser.acts import (
    described,
    expect,
)
from tests.browser.chromium import Server, Visit

if TYPE_CHECKING:
    pass


def test_the_model_is_described(visit: Visit, server: Server) -> None:
    page = visit()
    model = described(server)
    page.get_by_role("button", name="Model").click()
    dialog = page.get_by_role("dialog", name="The model")
    expect(dialog).to_contain_text(model["sha256"])
    expect(dialog).to_contain_text(f"{100 * model['metrics']['accuracy']:.1f} %")
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_be_hidden()


def test_the_api_page_needs_no_other_host(visit: Visit, server: Server) -> None:
    page = visit()
    page.get_by_role("link", name="API").click()
    expect(page.get_by_text("/v1/predict").first).to_be_visible()
