"""Measures everything that is said of a model from its file and the data alone: metrics.json, card and figures.

The same file and data give the same bytes on the same machine. On another machine the last digits of a probability may
differ, so that one face in thousands gets another answer: `differences` allows for that and for no more. The figures of
the int8 file come from `python -m training quantise`, since times differ with every measurement.
"""

import json
import math
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import matplotlib as mpl
import numpy as np

from service.classifier import EmotionClassifier
from training.data import duplicates
from training.data.dataset import Dataset
from training.data.votes import Votes
from training.release import card, evaluate, metrics, quantise, twin
from training.release.figures.answers import draw_model
from training.release.figures.data import draw_data
from training.release.figures.style import STYLE, save
from training.release.figures.training import draw_training
from training.studies import adjustment, agreement, crops, faithfulness, robustness, shares, slices
from training.studies.figures.agreement import draw_agreement
from training.studies.figures.duplicates import draw_duplicates
from training.studies.figures.faithfulness import draw_faithfulness
from training.studies.figures.robustness import draw_robustness
from training.studies.figures.slices import draw_slices

FOLDER = "figures"
# Splits that decided something about the network: a face with a copy in one of them is not new to it.
USED_BEFORE = {"validation": ("train",), "test": ("train", "validation")}
EXPLAINED_FACES = 1000
COUNT_TOLERANCE, SHARE_TOLERANCE = 2, 0.002


def receipt(model: Path, data: Dataset, votes: Votes | None, folder: Path) -> dict:
    """Measure everything and write it into `folder`; returns the content of metrics.json."""
    pairs = duplicates.find(data)
    found = measure(model, data, votes, pairs)
    evaluate.write(found, folder)
    pictures = folder / FOLDER
    draw_data(data, pictures)
    if record := evaluate.training_record(twin.of_file(model)):
        draw_training(record, pictures)
    draw_model(model, data, pictures)
    validation = found["splits"]["validation"]
    drawn = {
        "robustness": draw_robustness(found["robustness"]),
        "slices": draw_slices(validation["slices"]),
        "faithfulness": draw_faithfulness(found["explanations"]),
        "duplicates": draw_duplicates(pairs, data),
    }
    if votes is not None:
        drawn["voters"] = draw_agreement(validation["voters"])
    with mpl.rc_context(STYLE):
        for name, figure in drawn.items():
            save(figure, pictures / f"{name}.png")
    return found


def measure(model: Path, data: Dataset, votes: Votes | None, pairs: duplicates.Pairs) -> dict:
    """The content of metrics.json. Raises ValueError for a file that the service refuses or that has other labels."""
    classifiers = {name: evaluate.open_for(model, name) for name in USED_BEFORE}
    for classifier in classifiers.values():
        evaluate.check_labels(classifier, data)
    about = evaluate.describe(model)
    validation = data.validation
    count = min(EXPLAINED_FACES, len(validation))
    explained = validation.faces[np.linspace(0, len(validation) - 1, count).astype(int)]
    found = {
        "model": about,
        "training": evaluate.training_summary(model),
        "splits": {
            name: _split(classifiers[name], data, name, about, votes, duplicates.unseen(pairs, data, name, others))
            for name, others in USED_BEFORE.items()
        },
        "robustness": robustness.measure(
            partial(evaluate.probabilities, classifiers["validation"], progress="changed faces"),
            validation.faces,
            validation.labels,
            about["crop_margin"],
        ),
        "explanations": faithfulness.measure(
            partial(_explain, classifiers["validation"]), explained, twin.of_file(model)
        ),
        "duplicates": duplicates.count(pairs, data),
    }
    int8 = quantise.read(model)
    return found if int8 is None else found | {"int8": int8}


def _explain(classifier: EmotionClassifier, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    reading = classifier.classify(faces)
    return reading.probabilities, reading.heatmaps


def _split(
    classifier: EmotionClassifier,
    data: Dataset,
    name: str,
    about: dict,
    votes: Votes | None,
    new: np.ndarray,
) -> dict:
    split = data.splits()[name]
    probabilities, predicted = evaluate.answers(classifier, split.faces, name)
    correct = probabilities.argmax(1) == split.labels
    section = evaluate.measure(probabilities, split, about) | {
        "slices": slices.measure(split.faces, split.labels, probabilities),
        "without_copies": {
            "faces": int(new.sum()),
            "accuracy": float(correct[new].mean()),
            "accuracy_95": list(metrics.wilson(int(correct[new].sum()), int(new.sum()))),
            "accuracy_of_copies": float(correct[~new].mean()) if not new.all() else None,
        },
        "ten_crop": crops.measure(classifier, split),
    }
    if name == "validation":
        section["adjustment"] = adjustment.measure(probabilities, split.labels, data.train.labels)
    if votes is not None:
        section["voters"] = agreement.measure(votes[name], split.labels, probabilities)
        if predicted is not None:
            section["votes"] = shares.measure(votes[name], split.labels, predicted, probabilities)
    return section


def compare(folder: Path, found: dict) -> list[str]:
    """A line for each figure in `folder` that differs from those found, and for a card that is not up to date.

    Raises FileNotFoundError where the folder has no metrics.json or card.
    """
    said = json.loads((folder / evaluate.METRICS).read_text())
    lines = list(differences(said, found))
    if (folder / evaluate.CARD).read_text() != card.render(said):
        lines.append(f"{evaluate.CARD} is not what {evaluate.METRICS} gives")
    return lines


def differences(said: object, found: object, where: str = "") -> Iterator[str]:
    """A line for each figure that differs by more than the rounding of another machine."""
    if isinstance(said, dict) and isinstance(found, dict):
        for key in said | found:
            if (key in said) != (key in found):
                yield f"{where}{key} is only in {'what was said' if key in said else 'what was found'}"
            else:
                yield from differences(said[key], found[key], f"{where}{key}/")
    elif isinstance(said, list) and isinstance(found, list) and len(said) == len(found):
        for place, (one, other) in enumerate(zip(said, found, strict=True)):
            yield from differences(one, other, f"{where}{place}/")
    elif not _same(said, found):
        yield f"{where.rstrip('/')}: {json.dumps(said)} was said, {json.dumps(found)} is found"


def _same(said: object, found: object) -> bool:
    if isinstance(said, float) and isinstance(found, float):
        return math.isclose(said, found, rel_tol=0, abs_tol=SHARE_TOLERANCE * max(1.0, abs(said)))
    whole = isinstance(said, int) and isinstance(found, int) and not isinstance(said, bool)
    return abs(said - found) <= COUNT_TOLERANCE if whole else said == found  # type: ignore[operator]
