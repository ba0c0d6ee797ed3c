"""Agreement of labels, voters and answers, worked out by hand."""

import json

import numpy as np
import pytest

from tests.training.csv_files import votes_of
from training.data.dataset import LABELS
from training.release import metrics
from training.studies import agreement
from training.studies.figures.agreement import draw_agreement

# label, votes, answer
FACES = (
    ("happy", votes_of(happiness=10), "happy"),
    ("happy", votes_of(happiness=9, NF=1), "neutral"),
    ("sad", votes_of(neutral=8, sadness=2), "neutral"),
    ("sad", votes_of(sadness=4, neutral=3, fear=3), "sad"),
    ("angry", votes_of(contempt=9, anger=1), "angry"),
    ("fear", votes_of(unknown=6, fear=4), "sad"),
    ("fear", votes_of(NF=10), "fear"),
    ("disgust", votes_of(anger=5, disgust=5), "disgust"),
)
VOTES = np.array([votes for _, votes, _ in FACES], np.float32)
TRUTH = np.array([LABELS.index(label) for label, _, _ in FACES])
PROBABILITIES = np.eye(7)[[LABELS.index(answer) for _, _, answer in FACES]]


@pytest.fixture
def found() -> dict:
    return agreement.measure(VOTES, TRUTH, PROBABILITIES)


def test_every_word_of_the_voters_has_its_place() -> None:
    voted, voters = agreement.majority(10 * np.eye(10, dtype=np.float32))
    words = [agreement.MAJORITIES[index] for index in voted]
    assert words == [
        *("neutral", "happy", "surprise", "sad", "angry", "disgust", "fear"),
        *("contempt", "unknown", "not a face"),
    ]
    assert voters.tolist() == [10] * 10


def test_a_tie_is_no_majority_and_the_rest_is_counted_apart(found: dict) -> None:
    apart = {name: found["majorities"][name] for name in ("contempt", "unknown", "not a face", "no majority")}
    assert apart == {"contempt": 1, "unknown": 1, "not a face": 1, "no majority": 1}
    assert sum(found["majorities"].values()) == found["faces"] == 8
    sad = dict(zip(agreement.MAJORITIES, found["confusion"][LABELS.index("sad")], strict=True))
    assert {name: count for name, count in sad.items() if count} == {"neutral": 1, "sad": 1}


def test_agreement_is_of_faces_with_a_majority_of_the_seven(found: dict) -> None:
    assert found["label_is_majority"] == {"faces": 4, "share": 0.75, "share_95": list(metrics.wilson(3, 4))}
    assert found["answer_is_majority"]["share"] == 0.75
    assert found["label_is_majority_by_label"]["sad"]["share"] == 0.5
    assert found["label_is_majority_by_label"]["fear"] == {"faces": 0, "share": None, "share_95": None}


def test_accuracy_where_label_and_voters_agree_and_where_not(found: dict) -> None:
    shares = {name: (row["faces"], row["share"]) for name, row in found["answer_is_label"].items()}
    assert shares == {
        "all": (8, 5 / 8),
        "label_is_majority": (3, 2 / 3),
        "label_is_not_majority": (1, 0),
        "no_majority_of_the_seven": (4, 3 / 4),
    }
    assert found["answer_is_majority_where_label_is_not"]["share"] == 1


def test_accuracy_by_how_many_voters_agree(found: dict) -> None:
    rows = {row["to"]: (row["answer_is_label"]["faces"], row["answer_is_label"]["share"]) for row in found["by_voters"]}
    assert rows == {4: (1, 1), 5: (0, None), 6: (0, None), 7: (0, None), 8: (1, 0), 9: (1, 0), 10: (1, 1)}
    assert found["clear"]["voters"] == 8
    assert (found["clear"]["answer_is_label"]["faces"], found["clear"]["answer_is_label"]["share"]) == (3, 1 / 3)
    assert found["clear"]["label_is_majority"]["share"] == 2 / 3


def test_figure_shows_the_table_and_the_lines(found: dict) -> None:
    assert json.loads(json.dumps(found)) == found
    left, right = draw_agreement(found).axes
    assert "75.0%" in left.get_title(loc="left")
    # Happy: both faces happy to the voters.
    assert left.texts[LABELS.index("happy") * len(agreement.MAJORITIES) + LABELS.index("happy")].get_text() == "100 %"
    assert [text.get_text() for text in right.get_legend().get_texts()] == [
        "label is the voters' majority",
        "answer is the voters' majority",
        "answer is the label",
    ]


def test_figure_of_faces_without_any_majority() -> None:
    found = agreement.measure(VOTES[4:], TRUTH[4:], PROBABILITIES[4:])
    assert found["label_is_majority"]["share"] is None
    assert draw_agreement(found).axes[0].get_title(loc="left") == "Label and voters"
