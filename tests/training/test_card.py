"""The shipped card is what its metrics.json makes, and it tells what was done to the answers."""

import json
from pathlib import Path

from training import card

MODELS = Path(__file__).parents[2] / "models"


def test_the_shipped_card_is_made_of_its_figures() -> None:
    figures = json.loads((MODELS / "metrics.json").read_text())
    assert card.render(figures) == (MODELS / "MODEL_CARD.md").read_text()


def test_classes_that_are_raised_are_named() -> None:
    figures = json.loads((MODELS / "metrics.json").read_text())
    figures["model"]["offsets"] = [0.0, 0.5, 0.0, 0.0, 0.0, 0.0, 0.26]
    assert "after adding to logits (disgust +0.50, neutral +0.26);" in card.render(figures)
    figures["model"]["offsets"] = [0.0] * 7
    assert "adding to logits" not in card.render(figures)
