"""The shipped card is what its metrics.json gives, and it says what applies to its data."""

import json
from pathlib import Path

import pytest

from training.release import card

MODELS = Path(__file__).parents[3] / "models"


@pytest.fixture
def figures() -> dict:
    return json.loads((MODELS / "metrics.json").read_text())


def test_the_shipped_card_is_made_of_its_figures(figures: dict) -> None:
    assert card.render(figures) == (MODELS / "MODEL_CARD.md").read_text()


def test_it_opens_with_what_the_model_does(figures: dict) -> None:
    figures["splits"]["test"]["accuracy"] = 0.7063
    lines = card.render(figures).splitlines()
    assert lines[2].startswith("Give this model a grey picture of one face, and it says which of 7 facial expressions")
    assert lines[3] == (
        "It gives the label of the data for about 71 of 100 new faces, where people do so for about 65, and says how a "
        "face looks, not what the person feels."
    )
    assert lines[5].startswith("For every label it gives a probability and a heatmap")


def test_a_votes_head_is_told_and_when_to_use_it(figures: dict) -> None:
    figures["model"].pop("votes", None)
    for section in figures["splits"].values():
        section.pop("votes", None)
    assert "Two answers" not in card.render(figures)
    assert "ten people" not in card.render(figures)
    metrics = {"split": "validation", "cross_entropy": 0.7123, "agreement": 0.8349}
    figures["model"]["votes"] = {"source": "FER+ votes", "temperature": 1.25, "metrics": metrics}
    text = " ".join(card.render(figures).split())
    assert "On Validation (PublicTest) the likeliest label of `votes` is the one with the most votes for 83.5%" in text
    assert "The temperature of `votes` (1.25)" in text


def test_a_votes_head_that_was_fitted_afterwards_is_told(figures: dict) -> None:
    figures["training"]["votes_fit"] = {"views": 3}
    text = " ".join(card.render(figures).split())
    assert "fitted afterwards, and changed nothing else: a multinomial logistic regression on the features of 3" in text
    # A file from before says nothing of it.
    del figures["training"]["votes_fit"]
    assert "fitted afterwards" not in card.render(figures)


def test_both_answers_are_compared_where_they_were_measured(figures: dict) -> None:
    metrics = {"split": "validation", "cross_entropy": 0.7123, "agreement": 0.8349}
    figures["model"]["votes"] = {"source": "FER+ votes", "temperature": 1.25, "metrics": metrics}
    test = figures["splits"]["test"]
    test["accuracy"], test["ece"] = 0.72, 0.013
    test["voters"]["answer_is_majority"]["share"] = 0.703
    test["votes"] = {
        "answer_is_label": {"share": 0.571},
        "answer_is_majority": {"faces": 3350, "share": 0.846},
        "error_of_voters": 0.131,
        "error_of_probabilities": 0.342,
        "error": 0.187,
        "calibration_error": 0.022,
    }
    text = card.render(figures)
    assert "| Test (PrivateTest) | `probabilities` | `votes` |" in text
    assert "| the likeliest label is the label of the data | 72.0% | 57.1% |" in text
    assert "| it is the majority of ten voters (3,350 faces that have one) | 70.3% | 84.6% |" in text
    assert "where ten other voters differ by 13.1% | 34.2% | 18.7% |" in text
    assert "| expected calibration error, against labels and against votes | 1.3% | 2.2% |" in text
    assert "On Validation (PublicTest) the likeliest" not in text
    assert "\n\n\n" not in text


def test_other_ways_to_decide_are_told(figures: dict) -> None:
    adjusted = {"accuracy": 0.7, "macro_f1": 0.68}
    validation = figures["splits"]["validation"]
    validation["adjustment"] = {"adjusted": adjusted, "pays": False}
    validation["ten_crop"] = {"crop_px": 44, "accuracy": 0.7055}
    text = card.render(figures)
    assert "| 68.00%, 70.00% |" in text
    assert "within the noise, so it is not" in text
    assert "(mean of views of 44 pixels; for comparison with papers only) | 70.55% |" in text


def test_what_became_of_the_logits_is_told(figures: dict) -> None:
    figures["model"]["temperatures"] = [1.0, 2.0, 0.5, 1.25, 1.0, 1.0, 1.0]
    assert "temperatures (angry 1.00, disgust 2.00, fear 0.50, happy 1.25, sad 1.00," in card.render(figures)
    figures["model"]["offsets"] = [0.0, 0.5, 0.0, 0.0, 0.0, 0.0, 0.26]
    assert "after adding to logits (disgust +0.50, neutral +0.26);" in card.render(figures)
    figures["model"]["offsets"] = [0.0] * 7
    assert "adding to logits" not in card.render(figures)


def test_only_fer2013_has_fer2013_s_facts(figures: dict) -> None:
    assert "FER-2013 (Goodfellow et al. 2013" in card.render(figures)
    assert "fear, sad, angry and neutral" in card.render(figures)
    assert "### Validation (PublicTest)" in card.render(figures)
    # A folder may have FER-2013's name and other labels.
    figures["model"] |= {"labels": ["a", "b"], "offsets": [0.0] * 2, "temperatures": [1.0] * 2}
    figures["splits"] = {}
    assert "Goodfellow" not in card.render(figures)


def test_a_mean_of_runs_is_told(figures: dict) -> None:
    figures["training"]["averaged_with"] = [{"share": 0.5, "seed": 9, "epoch": 1}]
    text = " ".join(card.render(figures).split())
    assert "averaged with that of other runs (50% seed 9 after epoch 1; model soup" in text
    figures["training"]["averaged_with"] = []
    assert "averaged with" not in card.render(figures)


def test_parts_that_were_not_measured_are_left_out(figures: dict) -> None:
    for name in ("robustness", "explanations", "int8", "duplicates"):
        del figures[name]
    figures["model"].pop("votes", None)
    for section in figures["splits"].values():
        for name in ("slices", "without_copies", "voters", "votes", "ten_crop", "adjustment"):
            section.pop(name, None)
    figures["training"] = None
    text = card.render(figures)
    titles = [line for line in text.splitlines() if line.startswith("#")]
    assert titles[1:] == [
        *("## Intended use", "## Not for", "## Figures", "### Validation (PublicTest)", "### Test (PrivateTest)"),
        *("## Data", "## Limits", "## Origin"),
    ]
    assert "\n\n\n" not in text
