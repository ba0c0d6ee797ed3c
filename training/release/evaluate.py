"""Measures the model that ships, through the service's own classifier, and writes its card.

`metrics.json` beside the model is the one source of figures: each split's section is merged into it, and
`MODEL_CARD.md` is rendered from it.
"""

import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
from tqdm import tqdm

from service.classifier import EmotionClassifier, ModelError
from training.data.dataset import FER2013, SPLITS, Dataset, Split
from training.release import card, metrics

METRICS = "metrics.json"
CARD = "MODEL_CARD.md"
BATCH = 256


def evaluate(model: Path, data: Dataset, split_name: str) -> dict:
    """Measure one split and write metrics.json and MODEL_CARD.md beside the model; returns what metrics.json holds."""
    classifier = open_model(model)
    check_labels(classifier, data)
    about = describe(model)
    split = data.splits()[SPLITS.index(split_name)]
    section = measure(answer(classifier, split.faces, split_name), split, about)
    path = model.parent / METRICS
    before = json.loads(path.read_text()) if path.exists() else None
    # Another file's figures would look like this one's.
    if before is None or before["model"]["sha256"] != about["sha256"]:
        before = {"splits": {}}
    splits = before["splits"] | {split_name: before["splits"].get(split_name, {}) | section}
    figures = before | {"model": about, "training": training_of(model), "splits": splits}
    write(figures, model.parent)
    return figures


def write(figures: dict, folder: Path) -> None:
    """metrics.json and the card that it makes."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / METRICS).write_text(json.dumps(figures, indent=1) + "\n")
    (folder / CARD).write_text(card.render(figures))


def open_model(model: Path) -> EmotionClassifier:
    """The service's classifier of a file. Raises ValueError where the service would refuse it."""
    try:
        return EmotionClassifier(model)
    except ModelError as error:
        raise ValueError(str(error)) from error


def check_labels(classifier: EmotionClassifier, data: Dataset) -> None:
    """Raises ValueError where the model answers with other labels than the data's."""
    known = classifier.contract.labels
    if known != data.labels:
        raise ValueError(f"the model tells {', '.join(known)} apart, but {data.name} has {', '.join(data.labels)}.")


def answer(classifier: EmotionClassifier, faces: np.ndarray, name: str) -> np.ndarray:
    """Probabilities (n, classes) of faces uint8 (n, h, w, 1)."""
    starts = tqdm(range(0, len(faces), BATCH), desc=name, unit="batch")
    return np.concatenate([classifier.classify(faces[start : start + BATCH]).probabilities for start in starts])


def measure(probabilities: np.ndarray, split: Split, about: dict) -> dict:
    """One split's section of metrics.json, of what the labels alone tell."""
    sets = metrics.label_sets(probabilities, split.labels, about["plausible_threshold"])
    return metrics.measure(probabilities, split.labels, tuple(about["labels"])) | {"label_sets": sets}


def describe(model: Path) -> dict:
    """What the file says of itself, and its size and hash."""
    body = model.read_bytes()
    words = {entry.key: entry.value for entry in onnx.load_from_string(body).metadata_props}
    # The service needs the rest, and has refused by now; these are for the card.
    for key in ("parameters", "multiply_adds"):
        if key not in words:
            raise ValueError(f"{model} carries no {key!r} metadata; export it with `make export`.")
    numbers = {key: float(words[key]) for key in ("temperature", "plausible_threshold", "crop_margin")}
    labels = json.loads(words["labels"])
    # Files once said less: no class was raised, one temperature was all classes', and it was always FER-2013.
    offsets = json.loads(words["offsets"]) if "offsets" in words else [0.0] * len(labels)
    temperatures = json.loads(words.get("temperatures", "null")) or [numbers["temperature"]] * len(labels)
    counts = {key: int(words[key]) for key in ("parameters", "multiply_adds", "seed")}
    texts = ("name", "version", "licence", "created", "code_version", "data_sha256", "heatmap_layer")
    return {
        "file": model.name,
        "sha256": hashlib.sha256(body).hexdigest(),
        "bytes": len(body),
        "labels": labels,
        "offsets": offsets,
        "temperatures": temperatures,
        "data": json.loads(words["data"]) if "data" in words else {"name": FER2013, "note": ""},
        **counts,
        **numbers,
        **{key: words[key] for key in texts},
    }


def story(model: Path) -> dict | None:
    """How the file's weights came about (`checkpoints.story`), as its metadata tells; None where it does not."""
    words = {entry.key: entry.value for entry in onnx.load(model).metadata_props}
    return dict(json.loads(words["training"])) if "training" in words else None


def training_of(model: Path) -> dict | None:
    """Its story, with each epoch's figures summed up."""
    told = story(model)
    if told is None:
        return None
    history = told.pop("history")
    seconds = [epoch["seconds"] for epoch in history] + [run["seconds"] for run in told.get("averaged_with", [])]
    return told | {"seconds": sum(seconds), "epochs": len(history)}


def words(name: str, figures: dict) -> str:
    """One split's figures for the terminal."""
    section = figures["splits"][name]
    low, high = section["accuracy_95"]
    recalls = ", ".join(f"{label} {value:.1%}" for label, value in section["recall"].items())
    return (
        f"{name}: accuracy {section['accuracy']:.2%} ({low:.2%} to {high:.2%}), macro-F1 {section['macro_f1']:.2%}, "
        f"NLL {section['nll']:.3f}, calibration error {section['ece']:.2%}, "
        f"coverage {section['label_sets']['coverage']:.1%}\nrecall: {recalls}"
    )
