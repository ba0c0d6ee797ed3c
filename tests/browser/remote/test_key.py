"""A service that needs a key: the page asks for it, keeps it for its tab, and sends it with all it asks."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.keys import add_key
from tests.browser.acts import OPEN_CAMERA, alert, expect
from tests.browser.chromium import Server, Visit


@pytest.fixture(scope="module")
def locked(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, str]]:
    folder = tmp_path_factory.mktemp("locked")
    key = add_key(folder / "keys", "ada")
    server = Server(model, folder / "log", FER_API_KEYS_FILE=str(folder / "keys"))
    server.start()
    yield server, key
    server.stop()


def test_the_page_asks_for_the_key_and_uses_it(visit: Visit, locked: tuple[Server, str]) -> None:
    server, key = locked
    page = visit(url=server.url(), news=True)
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("This server needs a key")
    page.get_by_label("Key", exact=True).fill("fer_wrong")
    page.get_by_role("button", name="Use this key").click()
    expect(dialog).to_contain_text("The server does not know that key")
    page.get_by_label("Key", exact=True).fill(key)
    page.get_by_role("button", name="Use this key").click()
    expect(dialog).to_be_hidden()
    page.get_by_role("button", name="A portrait").click()
    expect(page.locator("#confidence")).to_have_text(re.compile(r"\d+.%"))
    page.get_by_role("button", name="Back").click()
    page.get_by_role("button", name=OPEN_CAMERA).click()
    expect(page.locator("#confidence")).to_have_text(re.compile(r"\d+.%"))
    assert page.evaluate("() => JSON.stringify({...localStorage}) + document.cookie") == "{}"
    page.reload()
    expect(dialog).to_be_hidden()
    expect(page.locator("#model-version")).to_be_visible()


def test_without_a_key_the_page_says_so(visit: Visit, locked: tuple[Server, str]) -> None:
    page = visit(url=locked[0].url(), news=True)
    page.get_by_role("button", name="Go on without").click()
    expect(alert(page).first).to_contain_text("This server needs a key")
