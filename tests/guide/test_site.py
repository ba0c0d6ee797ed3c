"""`make docs`: every link leads somewhere, every page is in the side bar, and a reader needs no network."""

import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.guide.conftest import ROOT

PYTHON = ROOT / ".venv-docs" / "bin" / "python"
# What a browser fetches by itself, without a click.
FETCHED = {"script": "src", "img": "src", "source": "src", "iframe": "src", "link": "href"}


class _Fetched(HTMLParser):
    """The addresses that a browser fetches for a page."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        address = dict(attrs).get(FETCHED.get(tag, ""))
        if address:
            self.addresses.append(address)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not PYTHON.exists():
        pytest.skip("needs the generator, which `make docs` installs")
    folder = tmp_path_factory.mktemp("site")
    made = subprocess.run(["make", "-n", "docs"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    [command] = [line for line in made.splitlines() if " -m sphinx " in line]
    command = command.replace(" site", f" {folder / 'site'}").replace(".cache/docs", str(folder / "cache"))
    done = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S602
    # Of a link that leads nowhere Sphinx makes an error.
    assert done.returncode == 0, done.stderr
    return folder / "site"


def test_its_first_page_leads_to_all_others(site: Path) -> None:
    [first] = re.findall(r"url=(\S+)\"", (site / "index.html").read_text())
    bar = (site / first).read_text()
    pages = {path.relative_to(site) for path in site.rglob("*.html")}
    own = {"index.html", "genindex.html", "search.html"}
    linked = {(site / first).parent.joinpath(link.split("#")[0]).resolve() for link in re.findall(r'href="(\S+)"', bar)}
    assert {page.as_posix() for page in pages if (site / page).resolve() not in linked} <= own | {first}


def test_its_readers_need_no_network(site: Path) -> None:
    for page in site.rglob("*.html"):
        fetched = _Fetched()
        fetched.feed(page.read_text())
        assert fetched.addresses or page.name == "index.html"
        for address in fetched.addresses:
            assert not re.match(r"(?i)(https?:)?//", address), f"{page.name}: {address}"
            file = page.parent / address.split("?")[0].split("#")[0]
            assert address.startswith("data:") or file.exists(), f"{page.name}: {address}"
    for style in site.rglob("*.css"):
        assert not re.search(r"(?i)(url\(|@import)\s*['\"]?(https?:)?//", style.read_text()), style
