"""What the documents promise exists: links, commands, settings, figures, examples."""

import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

import fer_client.version
import service
from service import settings
from service.app import create_app
from service.settings import Settings
from tests.guide.examples import assert_contains

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
PAGES = sorted(
    path
    for pattern in (
        "*.md",
        "docs/**/*.md",
        "client/*.md",
        "deploy/**/*.md",
        "models/*.md",
        "notebooks/*.md",
        "training/*.md",
    )
    for path in ROOT.glob(pattern)
)
names = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


@names
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)]+)\)", page.read_text()):
        path, _, anchor = link.partition("#")
        if link.startswith(("https://", "http://")):
            continue
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not anchor or anchor in _anchors(target), link


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"(?m)^#+ (.+)$", page.read_text())
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


@names
def test_make_targets_exist(page: Path) -> None:
    targets = set(re.findall(r"(?m)^([a-z]+):.*## ", (ROOT / "Makefile").read_text()))
    shown = {
        word
        for line in re.findall(r"`make ([^`]+)`", page.read_text()) + _shell(page, "make")
        for word in line.split("#")[0].split()
        if "=" not in word
    }
    assert shown <= targets


@names
def test_modules_exist(page: Path) -> None:
    modules = re.findall(r"python -m ((?:service|training|tests|benchmarks|fer_client)[\w.]*)", page.read_text())
    for module in modules:
        assert importlib.util.find_spec(module), module


def test_the_tests_that_contributing_runs_exist() -> None:
    named = re.findall(r"pytest (tests\S+)", CONTRIBUTING)
    assert named
    for path, _, test in (name.partition("::") for name in named):
        assert (ROOT / path).exists(), path
        assert not test or f"\ndef {test}(" in (ROOT / path).read_text(), test


@names
def test_settings_exist(page: Path) -> None:
    known = {f"FER_{name.upper()}" for name in Settings.model_fields}
    # The client's, and the container tests' image.
    known |= {"FER_URL", "FER_API_KEY", "FER_IMAGE"}
    assert set(re.findall(r"\bFER_[A-Z_]+[A-Z]\b", page.read_text())) <= known


def _shell(page: Path, command: str) -> list[str]:
    """The arguments of a command in the page's shell examples."""
    blocks = re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL)
    return [found for block in blocks for found in re.findall(rf"(?m)(?:^|\s){command} (.+)$", block)]


def test_the_page_of_settings_is_fresh() -> None:
    page = (ROOT / "docs" / "settings.md").read_text()
    assert page.endswith(f"\n\n{settings.markdown_table()}"), "stale: run `make settings`"


# --- figures -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def figures() -> Any:
    return json.loads((ROOT / "models" / "metrics.json").read_text())["splits"]["test"]


def test_the_table_of_accuracy_is_the_shipped_models(figures: Any) -> None:
    low, high = (f"{100 * bound:.1f}" for bound in figures["accuracy_95"])
    cells = [f"**{100 * figures['accuracy']:.1f} %**", f"{low} to {high} %", f"{100 * figures['macro_f1']:.1f} %"]
    cells.append(f"{100 * figures['ece']:.1f} %")
    cells += [f"{100 * recall:.0f} %" for recall in figures["recall"].values()]
    assert f"| {' | '.join(cells)} |" in (ROOT / "docs" / "accuracy.md").read_text()


def test_the_readmes_summary_is_the_shipped_models(figures: Any) -> None:
    low, high = (f"{100 * bound:.1f}" for bound in figures["accuracy_95"])
    text = " ".join(README.split())
    assert f"right for {100 * figures['accuracy']:.1f} % of the {figures['faces']:,} test faces" in text
    assert f"(95 % interval {low} to {high} %)" in text
    assert f"calibration error of {100 * figures['ece']:.1f} %" in text


def test_the_guides_figures_are_the_shipped_models(figures: Any) -> None:
    guides = ROOT / "docs" / "guides"
    assert f"\n{100 * figures['accuracy']:.1f} % on the test faces of FER-2013" in (guides / "questions.md").read_text()
    sets = figures["prediction_sets"]
    text = " ".join((guides / "figures.md").read_text().split())
    assert f"For {100 * sets['single']:.0f} % of the test faces the prediction set has one label" in text
    assert f"the label is right for {100 * sets['accuracy_where_single']:.0f} % of those" in text


def test_what_is_said_of_the_votes_is_the_shipped_models(figures: Any) -> None:
    votes, voters = figures["votes"], figures["voters"]

    def row(one: float, other: float) -> str:
        return f"| {100 * one:.1f} % | {100 * other:.1f} % |"

    majority = votes["answer_is_majority"]["share"]
    accuracy = (ROOT / "docs" / "accuracy.md").read_text()
    for cells in (
        row(figures["accuracy"], votes["answer_is_label"]["share"]),
        row(voters["answer_is_majority"]["share"], majority),
        f"ten other voters: {100 * votes['error_of_voters']:.1f} %) "
        + row(votes["error_of_probabilities"], votes["error"]),
        row(figures["ece"], votes["calibration_error"]),
    ):
        assert cells in accuracy
    assert f"`votes`, agrees with the majority of ten people for {100 * majority:.1f} % of the faces" in " ".join(
        README.split()
    )
    text = " ".join((ROOT / "docs" / "guides" / "questions.md").read_text().split())
    assert f"`votes`, agrees with the majority of ten people for {100 * majority:.0f} % of the faces" in text
    assert f"`emotions` for {100 * voters['answer_is_majority']['share']:.0f} %" in text


# --- examples ----------------------------------------------------------------------------------


def test_the_readmes_answer_is_the_services() -> None:
    """All that README shows of an answer is in the real one; "…" stands for what it leaves out."""
    shown = json.loads(re.findall(r"```json\n(.*?)```", README, re.DOTALL)[0])
    query = re.findall(r"'http://127.0.0.1:8000(/v1/predict\S*)'", README)[0]
    photo = (ROOT / "tests" / "data" / "astronaut.jpg").read_bytes()
    with TestClient(create_app(Settings(model=ROOT / "models" / "emotion.onnx"))) as client:
        answer = client.post(query, content=photo).json()
    assert_contains(answer, shown)


# --- versions ----------------------------------------------------------------------------------


def test_the_changelog_begins_with_the_version() -> None:
    versions = re.findall(r"(?m)^## \[([\d.]+)\] - (\S+)$", (ROOT / "CHANGELOG.md").read_text())
    assert versions[0][0] == service.__version__
    for _, date in versions:
        assert date == "Unreleased" or re.fullmatch(r"\d{4}-\d{2}-\d{2}", date), date


def test_the_client_has_the_services_version() -> None:
    assert service.__version__ == fer_client.version.VERSION


def test_the_guide_lists_every_page() -> None:
    """Its lists are the side bar of the site."""
    guide = ROOT / "docs" / "README.md"
    listed = {(guide.parent / link).resolve() for link in re.findall(r"(?m)^- \[.+?\]\((\S+\.md)\)", guide.read_text())}
    decisions = {page for page in PAGES if page.parent.name == "decisions" and page.name != "README.md"}
    assert set(PAGES) - decisions - {guide} == listed


def test_every_decision_is_listed() -> None:
    folder = ROOT / "docs" / "decisions"
    pages = {path.name for path in folder.glob("0*.md")}
    assert pages == set(re.findall(r"\((0\S+\.md)\)", (folder / "README.md").read_text()))
    for page in pages:
        headings = re.findall(r"(?m)^## (.+)$", (folder / page).read_text())
        assert headings == ["Context", "Decision", "Consequences", "What else was tried"], page


# --- contributing ------------------------------------------------------------------------------

UNLISTED = {"__init__.py", "__pycache__", "py.typed", "vendor", "build"}


def _tree() -> dict[Path, set[str]]:
    """The folders whose content CONTRIBUTING lists, and the names that it gives."""
    (block,) = re.findall(r"```\n(service/ .*?)```", CONTRIBUTING, re.DOTALL)
    folders: dict[Path, set[str]] = {}
    above: list[str] = []
    for line in block.splitlines():
        indent, name, _ = re.fullmatch(r"( *)(\S+)(?: +(\S.*))?", line).groups()  # type: ignore[union-attr]
        above = [*above[: len(indent) // 2], name]
        if len(above) > 1:
            folders.setdefault(ROOT.joinpath(*above[:-1]), set()).add(name.rstrip("/"))
    return folders


def test_the_tree_has_every_file() -> None:
    tree = _tree()
    assert {ROOT / name for name in ("service", "training", "client", "tests")} <= set(tree)
    for folder, listed in tree.items():
        there = {path.name for path in folder.iterdir() if not path.name.endswith(".egg-info")} - UNLISTED
        assert listed == there, folder


def test_documents_use_the_words_that_contributing_lists() -> None:
    rows = re.findall(r"(?m)^\| [^|]+ \| [^|]+ \| ([^|]+) \|$", CONTRIBUTING.split("| word |")[1])
    unwanted = [word.strip() for row in rows for word in row.split(",") if word.strip(" -")]
    assert "film" in unwanted
    table = CONTRIBUTING[CONTRIBUTING.index("| word |") : CONTRIBUTING.index("## How a release")]
    for page in PAGES:
        # The changelog names what was renamed.
        if page.name != "CHANGELOG.md":
            text = page.read_text().replace(table, "")
            for word in unwanted:
                assert not re.search(rf"(?i)\b{re.escape(word)}s?\b", text), f"{page.name}: {word}"
