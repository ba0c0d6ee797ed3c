"""python -m tests.browser.screenshot PORTRAIT: the live page with a camera that shows the portrait, as a PNG.

The README's picture is made with

    python -m tests.browser.screenshot tests/data/astronaut.jpg

PORTRAIT is a square photo with a face in its upper half, left of the middle; take one that may be published. Needs
Chromium and ffmpeg, and looks best with the font Inter (Debian: fonts-inter). FER_MODEL names another model than
models/emotion.onnx.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import Literal

from playwright.sync_api import expect, sync_playwright

from tests.browser import chromium
from tests.browser.chromium import ROOT, Server

SIZE_WH = (1200, 726)  # large enough for view, expression and curves, below 400 kB
SETTLED_MS = 4000


def take(url: str, camera: Path, scheme: Literal["light", "dark"], to: Path) -> None:
    """The page as it looks some seconds after the camera was opened."""
    with sync_playwright() as playwright:
        browser = chromium.launch(playwright, camera)
        page = browser.new_page(viewport={"width": SIZE_WH[0], "height": SIZE_WH[1]}, color_scheme=scheme)
        page.goto(url)
        page.get_by_role("button", name="Agree and open the camera").click()
        expect(page.locator("#confidence")).not_to_be_empty(timeout=60_000)
        page.wait_for_timeout(SETTLED_MS)
        page.screenshot(path=to)
        browser.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("portrait", type=Path)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "screenshot.png", help="default: %(default)s")
    parser.add_argument("--scheme", choices=["light", "dark"], default="light", help="default: %(default)s")
    given = parser.parse_args()
    model = Path(os.environ.get("FER_MODEL", ROOT / "models" / "emotion.onnx"))
    given.out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        camera = chromium.camera_from_photo(given.portrait, Path(folder) / "camera.mjpeg", size="960x720")
        server = Server(model, Path(folder) / "log")
        server.start()
        try:
            take(server.url(), camera, given.scheme, given.out)
        finally:
            server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
