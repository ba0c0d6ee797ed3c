"""What is around the reading: the model's description and the API's documentation."""

import json
from pathlib import Path

from tests.browser.acts import (
    described,
    expect,
)
from tests.browser.chromium import Server, Visit


def test_the_model_is_described(visit: Visit, server: Server) -> None:
    page = visit()
    model = described(server)
    page.set_viewport_size({"width": 360, "height": 500})
    page.get_by_role("button", name="Model").click()
    dialog = page.get_by_role("dialog", name="The model")
    expect(dialog.get_by_role("heading", name="Not for")).to_be_in_viewport()
    assert dialog.evaluate("dialog => dialog.scrollTop") == 0
    expect(dialog).to_contain_text(model["sha256"])
    expect(dialog).to_contain_text(f"{100 * model['metrics']['accuracy']:.1f} %")
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_be_hidden()


def test_the_card_says_which_figure_is_which(visit: Visit, model: Path) -> None:
    figures = json.loads((model.parent / "metrics.json").read_text())
    test = figures["splits"]["test"]
    page = visit(news=True)  # browsers ask for the icon of a page of text, which has none
    page.get_by_role("button", name="Model").click()
    dialog = page.get_by_role("dialog", name="The model")
    expect(dialog).to_contain_text(f"{100 * test['accuracy']:.1f} % of {test['faces']:,} faces")
    expect(dialog).to_contain_text("the figure to quote")
    rows = dialog.get_by_role("table").get_by_role("row")
    expect(rows).to_have_count(len(figures["model"]["labels"]) + 1)
    first = test["confusion"][0]
    expect(rows.nth(1).get_by_role("cell").first).to_have_text(f"{round(100 * first[0] / sum(first))}")
    with page.expect_navigation():
        dialog.get_by_role("link", name="The model card").click()
    expect(page.locator("body")).to_contain_text("## Not for")


def test_the_api_page_needs_no_other_host(visit: Visit, server: Server) -> None:
    page = visit()
    page.get_by_role("link", name="API").click()
    expect(page.get_by_text("/v1/predict").first).to_be_visible()
