"""What it looks at: each label's heatmap on one scale, by keyboard, narrow and wide."""

import re
from pathlib import Path

import pytest

from tests.browser.acts import LOCAL, by_file, expect, pixels, until
from tests.browser.axe import AXE, serious_faults
from tests.browser.chromium import ROOT, Visit
from tests.browser.videos import LABELS
from tests.browser.view.tiles import tiles


@pytest.mark.parametrize("local", [False, True])
def test_each_label_has_its_map_on_one_scale(visit: Visit, photo: Path, *, local: bool) -> None:
    if local and not (ROOT / "service" / "web" / "vendor" / "ort.wasm.bundle.min.mjs").exists():
        pytest.skip("needs ONNX Runtime for browsers (make web, which needs npm)")
    page = visit()
    if local:
        page.get_by_role("switch", name=LOCAL).click()
    by_file(page, photo)
    section = page.get_by_role("region", name="What it looks at")
    expect(section.get_by_role("button")).to_have_count(len(LABELS))
    pressed = section.get_by_role("button", pressed=True)
    expect(pressed).to_contain_text("happy")

    def warmth_added() -> dict[str, float]:
        warmth = dict(zip(LABELS, tiles(page), strict=True))
        return {label: value - min(warmth.values()) for label, value in warmth.items()}

    until(page, lambda: warmth_added()["happy"] > 10, "a warm map of happy")
    added = warmth_added()
    assert all(value < added["happy"] / 5 for label, value in added.items() if label != "happy"), "none glows as hot"
    # By keyboard: another label's map is shown in the view.
    before = pixels(page)
    section.get_by_role("button", name="sad").press("Enter")
    expect(page.locator("#heat-target")).to_have_text("of sad")
    expect(pressed).to_contain_text("sad")
    until(page, lambda: bool((pixels(page) != before).any()), "another heatmap")


def test_the_strength_is_a_slider(visit: Visit, photo: Path) -> None:
    page = visit(AXE.read_text() if AXE.exists() else "", width=360)
    by_file(page, photo)
    slider = page.get_by_role("slider", name="Strength")
    expect(slider).to_be_visible()
    before = tiles(page)[LABELS.index("happy")]
    slider.press("Home")
    expect(slider).to_have_attribute("aria-valuetext", re.compile(r"10.%"))
    until(page, lambda: tiles(page)[LABELS.index("happy")] < before, "a weaker map")
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    if AXE.exists():
        assert serious_faults(page) == []


def test_it_is_not_there_where_not_all_maps_are(visit: Visit) -> None:
    page = visit()
    expect(page.locator("#looks")).to_be_hidden()
