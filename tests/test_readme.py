"""The README's figures and names are those of the code and of the shipped model."""

import json
from pathlib import Path

from service.settings import Settings

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_it_lists_every_setting() -> None:
    for name in Settings.model_fields:
        assert f"`FER_{name.upper()}`" in README or f"`{name.upper()}`" in README, name


def test_its_accuracy_is_the_shipped_models() -> None:
    figures = json.loads((ROOT / "models" / "metrics.json").read_text())["splits"]["PrivateTest"]
    low, high = (f"{100 * bound:.1f}" for bound in figures["accuracy_95"])
    cells = [f"**{100 * figures['accuracy']:.1f} %**", f"{low} to {high} %", f"{100 * figures['macro_f1']:.1f} %"]
    cells.append(f"{100 * figures['ece']:.1f} %")
    cells += [f"{100 * recall:.0f} %" for recall in figures["recall"].values()]
    assert f"| {' | '.join(cells)} |" in README


def test_its_links_lead_somewhere() -> None:
    links = [part.split(")")[0] for part in README.split("](")[1:]]
    assert links
    for link in links:
        assert link.startswith("https://") or (ROOT / link).exists(), link
