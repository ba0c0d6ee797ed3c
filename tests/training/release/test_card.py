"""The shipped card is what its metrics.json makes, and it tells what was done to the answers."""

import json
from pathlib import Path

from training.release import card

MODELS = Path(__file__).parents[3] / "models"


def test_the_shipped_card_is_made_of_its_figures() -> None:
    figures = json.loads((MODELS / "metrics.json").read_text())
    assert card.render(figures) == (MODELS / "MODEL_CARD.md").read_text()


def test_what_became_of_the_logits_is_told() -> None:
    figures = json.loads((MODELS / "metrics.json").read_text())
    figures["model"]["temperatures"] = [1.0, 2.0, 0.5, 1.25, 1.0, 1.0, 1.0]
    assert "temperatures (angry 1.00, disgust 2.00, fear 0.50, happy 1.25, sad 1.00," in card.render(figures)
    figures["model"]["offsets"] = [0.0, 0.5, 0.0, 0.0, 0.0, 0.0, 0.26]
    assert "after adding to logits (disgust +0.50, neutral +0.26);" in card.render(figures)
    figures["model"]["offsets"] = [0.0] * 7
    assert "adding to logits" not in card.render(figures)
