"""The notebooks that need a service. That of the training is run by tests/training, in its environment."""

import ast
import re
from pathlib import Path

from tests.guide.notebooks import ROOT, run, shown


def test_videos(here: Path, url: str) -> None:
    cells = run("videos", here, "FRAMES_A_SECOND = 2", FER_URL=url)
    faces, summary = shown(cells, "text/html")
    assert faces.count("clip.mp4") == 2
    assert "happy" in faces
    assert summary.count("clip.mp4") == 1
    [curves] = shown(cells, "image/png")
    assert curves


def test_heatmaps(here: Path, url: str) -> None:
    cells = run("heatmaps", here, FER_URL=url)
    probabilities, shares = (ast.literal_eval(text) for text in shown(cells, "text/plain") if text.startswith("{"))
    assert sum(probabilities.values()) > 0.99
    assert probabilities.keys() == shares.keys()
    assert all(0 <= share <= 1 for share in shares.values())
    [maps] = shown(cells, "image/png")
    assert maps


def test_all_notebooks_are_listed() -> None:
    names = {path.name for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert names == set(re.findall(r"\]\((\S+\.ipynb)\)", (ROOT / "notebooks" / "README.md").read_text()))
