"""One page whose modules read for many tests: the runtime and the networks are loaded once."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.browser.chromium import ROOT, Server

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture(scope="package", autouse=True)
def runtime() -> None:
    if not (ROOT / "service" / "web" / "vendor" / "ort.wasm.bundle.min.mjs").exists():
        pytest.skip("needs ONNX Runtime for browsers (make web, which needs npm)")


@pytest.fixture(scope="package")
def reading_page(browser: "Browser", server: Server) -> Iterator["Page"]:
    """For `read_here`, not to be clicked on."""
    page = browser.new_page()
    page.goto(server.url())
    yield page
    page.close()
