"""What axe finds to be in the way of people."""

from typing import TYPE_CHECKING, Any

from tests.browser.chromium import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Page

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"


def serious_faults(page: "Page") -> list[str]:
    """What axe finds to be in the way of people, with the elements at fault."""
    found: dict[str, Any] = page.evaluate("axe.run(document, {resultTypes: ['violations'], preload: false})")
    return [
        f"{fault['id']}: {', '.join(node['html'] for node in fault['nodes'])}"
        for fault in found["violations"]
        if fault["impact"] in ("serious", "critical")
    ]
