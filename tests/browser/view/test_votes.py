"""Both answers in one row of bars, wherever a face is read, for a model with a votes head and for one without."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.acts import LOCAL, by_file, expect, go_live, pixels, shares, until, votes
from tests.browser.axe import AXE, serious_faults
from tests.browser.chromium import ROOT, Server, Visit
from tests.browser.local.reading import predicted, read_here, whole_faces
from tests.browser.videos import LABELS
from tests.browser.view.tiles import tiles
from tests.browser.votes import with_votes, without_votes

SAME = 1e-3


@pytest.fixture(scope="module")
def votes_server(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("votes")
    server = Server(with_votes(model, folder / "votes.onnx"), folder / "log")
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def plain_server(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("plain")
    server = Server(without_votes(model, folder / "plain.onnx"), folder / "log")
    server.start()
    yield server
    server.stop()


@pytest.mark.parametrize("width", [360, 1200])
def test_a_picture_has_both_answers_in_one_row_of_bars(
    visit: Visit, votes_server: Server, photo: Path, width: int
) -> None:
    page = visit(script=AXE.read_text() if AXE.exists() else "", url=votes_server.url(), width=width)
    by_file(page, photo)
    expect(page.locator("#confidence")).not_to_be_empty()
    [face] = predicted(votes_server, photo.read_bytes(), "")["faces"]
    assert shares(page) == pytest.approx(face["emotions"], abs=1e-4)
    assert votes(page) == pytest.approx(face["votes"], abs=1e-4)
    expect(page.locator("#votes-legend")).to_contain_text("the share of ten people who would choose it")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    if AXE.exists():
        assert serious_faults(page) == []


def test_a_video_and_a_camera_have_both_answers(visit: Visit, votes_server: Server, video: Path) -> None:
    page = visit(url=votes_server.url())
    go_live(page)
    until(page, lambda: sum(votes(page).values()) > 0.99, "votes of the camera's face")
    page.get_by_role("button", name="Stop").click()
    by_file(page, video)
    expect(page.locator("#video-state")).to_contain_text("frames of")
    until(page, lambda: sum(votes(page).values()) > 0.99, "votes of the video's face")


def test_this_browser_gives_the_same_votes(visit: Visit, votes_server: Server, photo: Path) -> None:
    if not (ROOT / "service" / "web" / "vendor" / "ort.wasm.bundle.min.mjs").exists():
        pytest.skip("needs ONNX Runtime for browsers (make web, which needs npm)")
    page = visit(url=votes_server.url())
    body = whole_faces(photo)["grey 96"]
    [there] = predicted(votes_server, body, "crop=whole")["faces"]
    [here] = read_here(page, body, {"whole": True})["faces"]
    assert here["votes"] == pytest.approx(there["votes"], abs=SAME)
    page.get_by_label(LOCAL).check()
    by_file(page, photo)
    expect(page.locator("#confidence")).not_to_be_empty()
    assert sum(votes(page).values()) == pytest.approx(1, abs=SAME)


@pytest.mark.parametrize("local", [False, True])
def test_both_answers_have_heatmaps(visit: Visit, votes_server: Server, photo: Path, *, local: bool) -> None:
    if local and not (ROOT / "service" / "web" / "vendor" / "ort.wasm.bundle.min.mjs").exists():
        pytest.skip("needs ONNX Runtime for browsers (make web, which needs npm)")
    page = visit(AXE.read_text() if AXE.exists() else "", url=votes_server.url(), width=360)
    if local:
        page.get_by_label(LOCAL).check()
    by_file(page, photo)
    section = page.get_by_role("region", name="What it looks at")
    expect(section.get_by_role("button")).to_have_count(len(LABELS))
    of_labels = tiles(page)
    view = pixels(page)
    switch = page.get_by_role("switch", name="Explain the votes")
    switch.press("Space")
    # The warmest tile is that of the highest peak; the shares below the tiles are the votes.
    expect(section).to_contain_text("speaks for votes for that label")
    [face] = predicted(votes_server, photo.read_bytes(), "explain=gradcam&target=all&head=votes")["faces"]
    peaks = [explanation["peak"] for explanation in face["explanations"]]
    warmest = "the warmest tile is that of the highest peak"
    until(
        page, lambda: (seen := tiles(page)) != of_labels and seen.index(max(seen)) == peaks.index(max(peaks)), warmest
    )
    counted = votes(page)
    expect(section.get_by_role("button", pressed=True)).to_contain_text(max(counted, key=lambda label: counted[label]))
    expect(section.get_by_role("button", name="neutral")).to_contain_text(f"{100 * counted['neutral']:.0f}")
    until(page, lambda: bool((pixels(page) != view).any()), "another heatmap in the view")
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    if AXE.exists():
        assert serious_faults(page) == []
    switch.press("Space")
    expect(section).to_contain_text("speaks for that label")
    until(page, lambda: tiles(page) == pytest.approx(of_labels, abs=1), "the labels' maps again")


def test_live_the_votes_are_explained_too(visit: Visit, votes_server: Server) -> None:
    page = visit(url=votes_server.url())
    wire = go_live(page)
    page.get_by_role("switch", name="Explain the votes").click()

    def explained() -> set[str]:
        faces = [face for result in wire.results() for face in result["faces"]]
        return {explanation["head"] for face in faces for explanation in face["explanations"]}

    until(page, lambda: "votes" in explained(), "a frame whose votes are explained")
    page.get_by_role("switch", name="Explain the votes").click()
    until(page, lambda: wire.commands[-1].get("head") == "emotions", "the labels' heatmaps again")


def test_without_the_head_there_is_one_answer(visit: Visit, plain_server: Server, photo: Path) -> None:
    page = visit(url=plain_server.url())
    by_file(page, photo)
    expect(page.locator("#confidence")).not_to_be_empty()
    assert votes(page) == {}
    expect(page.locator("#votes-legend")).to_be_hidden()
    expect(page.get_by_role("switch", name="Explain the votes")).to_be_hidden()
    page.get_by_role("button", name="Model").click()
    expect(page.get_by_role("dialog", name="The model")).not_to_contain_text("votes")
