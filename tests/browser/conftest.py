"""A real server, a real Chromium, and a camera that plays a photo."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from tests.browser import chromium
from tests.browser.chromium import PATIENCE_MS, ROOT, Server, Visit

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Playwright

HERE = Path(__file__).parent
SHARED_CLIP = ROOT.parent / "shared" / "media" / "videos" / "neutral_to_smile.mp4"
# What Chromium itself logs for an answer of 4xx and for a connection that fails: news, not a mistake of the page's.
NETWORK_NEWS = ("Failed to load resource", "WebSocket connection to", "net::ERR_")
# What it logs when a page that is stopped, reloaded or left has a connection still under way: never a mistake.
LEFT_EARLY = "WebSocket is closed before the connection is established."
# What Chromium says of a header that it takes over https and from this machine alone.
NOT_SECURE = "The Cross-Origin-Opener-Policy header has been ignored, because the URL's origin was untrustworthy."


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of the page come last: while Playwright's event loop runs, no other test can run one."""
    items.sort(key=lambda item: HERE in item.path.parents)


@pytest.fixture(scope="session")
def playwright() -> Iterator["Playwright"]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright (make test installs it)")
    if not chromium.EXECUTABLE.exists():
        pytest.skip(f"needs Chromium at {chromium.EXECUTABLE} (apt-get install chromium)")
    with sync_api.sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def model() -> Path:
    path = Path(os.environ.get("FER_MODEL", ROOT / "models" / "emotion.onnx"))
    if not path.exists():
        pytest.skip(f"needs a trained model at {path} (make train, or FER_MODEL)")
    return path


@pytest.fixture(scope="session")
def server(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(model, tmp_path_factory.mktemp("server") / "log")
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def small_server(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One with a single live place, which a test may stop and start."""
    server = Server(model, tmp_path_factory.mktemp("small_server") / "log", FER_MAX_STREAMS="1")
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def ffmpeg() -> None:
    if shutil.which("ffmpeg") is None:
        pytest.skip("needs ffmpeg, which makes the camera's video (apt-get install ffmpeg)")


@pytest.fixture(scope="session")
def photo() -> Path:
    """A public-domain portrait with one smiling face."""
    return ROOT / "tests" / "data" / "astronaut.jpg"


@pytest.fixture(scope="session")
def portrait_camera(ffmpeg: None, photo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return chromium.camera_from_photo(photo, tmp_path_factory.mktemp("camera") / "photo.mjpeg")


@pytest.fixture(scope="session")
def browser(playwright: "Playwright", portrait_camera: Path) -> Iterator["Browser"]:
    """Its camera shows the smiling portrait."""
    browser = chromium.launch(playwright, portrait_camera)
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def smiling_browser(
    playwright: "Playwright", ffmpeg: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator["Browser"]:
    """Its camera shows a face that is neutral first and smiles then."""
    if not SHARED_CLIP.exists():
        pytest.skip("needs the clips of ../shared/media, which are not part of the project")
    camera = chromium.camera_from_clip(SHARED_CLIP, tmp_path_factory.mktemp("camera") / "clip.mjpeg")
    browser = chromium.launch(playwright, camera)
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def two_cameras(playwright: "Playwright") -> Iterator["Browser"]:
    browser = chromium.launch(playwright, cameras=2)
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def video(ffmpeg: None, photo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds with one smiling face."""
    return chromium.video_from_photo(photo, tmp_path_factory.mktemp("video") / "video.webm")


@pytest.fixture
def visit(browser: "Browser", server: Server) -> Iterator[Visit]:
    """visit(script=…, url=…, width=…, browser=…, news=…): a page that must stay quiet and must ask no other host."""
    pages: list[Page] = []
    complaints: list[str] = []

    def visit(
        script: str = "", url: str = server.url(), width: int = 1200, browser: "Browser" = browser, news: bool = False
    ) -> "Page":
        page = browser.new_context(viewport={"width": width, "height": 800}).new_page()
        pages.append(page)
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: complaints.append(f"uncaught: {error}"))
        page.on(
            "console",
            lambda message: (
                complaints.append(f"console: {message.text}")
                if message.type in ("error", "warning")
                and not (news and message.text.startswith(NETWORK_NEWS))
                and not message.text.endswith(LEFT_EARLY)
                and not message.text.startswith(NOT_SECURE)
                else None
            ),
        )
        page.on(
            "request",
            lambda request: (
                complaints.append(f"foreign host: {request.url}")
                if urlsplit(request.url).scheme not in ("data", "blob")
                and urlsplit(request.url).netloc != urlsplit(url).netloc
                else None
            ),
        )
        if script:
            page.add_init_script(script)
        page.goto(url)
        return page

    yield visit
    for page in pages:
        page.context.close()
    assert complaints == []
