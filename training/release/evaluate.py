"""Measures an exported file through the service's own classifier, and writes metrics.json and the model card.

`metrics.json` beside the model is the one source of figures: the section of each split is merged into it, and
`MODEL_CARD.md` is rendered from it.
"""

import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
from tqdm import tqdm

from service.classifier import EmotionClassifier, ModelError
from training.data.dataset import FER2013, FER2013_SPLITS, SPLITS, Dataset, Split
from training.learning.history import rename_old_keys
from training.release import card, metrics, twin

METRICS = "metrics.json"
CARD = "MODEL_CARD.md"
BATCH = 256


def evaluate(model: Path, data: Dataset, split: str) -> dict:
    """Measure one split and write metrics.json and MODEL_CARD.md beside the model; returns the content of the former.

    Validation is measured on the model's twin where it has one (`training.release.twin`).

    Raises ValueError where the service would refuse the file or its labels are not the data's.
    """
    classifier = open_for(model, split)
    check_labels(classifier, data)
    about = describe(model)
    faces = data.splits()[split]
    section = measure(probabilities(classifier, faces.faces, split), faces, about)
    path = model.parent / METRICS
    before = json.loads(path.read_text()) if path.exists() else None
    # Figures of another file must not appear as this one's.
    if before is None or before["model"]["sha256"] != about["sha256"]:
        before = {"splits": {}}
    splits = before["splits"] | {split: before["splits"].get(split, {}) | section}
    figures = before | {"model": about, "training": training_summary(model), "splits": splits}
    write(figures, model.parent)
    return figures


def write(figures: dict, folder: Path) -> None:
    """Write metrics.json and the card that is rendered from it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / METRICS).write_text(json.dumps(figures, indent=1) + "\n")
    (folder / CARD).write_text(card.render(figures))


def open_model(model: Path) -> EmotionClassifier:
    """The service's classifier of a file. Raises ValueError where the service would refuse it."""
    try:
        return EmotionClassifier(model)
    except ModelError as error:
        raise ValueError(str(error)) from error


def open_for(model: Path, split: str) -> EmotionClassifier:
    """The service's classifier of the file that is measured on a split: on validation a model's twin, if it has one.

    Raises ValueError where the service would refuse the file, and as `twin.of_file` does.
    """
    opened = open_model(model)
    measured = twin.of_file(model) if split == "validation" else model
    return opened if measured == model else open_model(measured)


def check_labels(classifier: EmotionClassifier, data: Dataset) -> None:
    """Raise ValueError where the model's labels are not the data's."""
    known = classifier.contract.labels
    if known != data.labels:
        raise ValueError(f"the model has the labels {', '.join(known)}, but {data.name} has {', '.join(data.labels)}.")


def answers(classifier: EmotionClassifier, faces: np.ndarray, progress: str) -> tuple[np.ndarray, np.ndarray | None]:
    """Probabilities and votes float64 (n, classes) of faces uint8 (n, h, w, 1); None for a file without a votes head.

    `progress` names the progress bar.
    """
    starts = tqdm(range(0, len(faces), BATCH), desc=progress, unit="batch")
    found = [classifier.classify(faces[start : start + BATCH]) for start in starts]
    votes = [reading.votes for reading in found if reading.votes is not None]
    return np.concatenate([reading.probabilities for reading in found]), np.concatenate(votes) if votes else None


def probabilities(classifier: EmotionClassifier, faces: np.ndarray, progress: str) -> np.ndarray:
    """The first of `answers`."""
    return answers(classifier, faces, progress)[0]


def measure(found: np.ndarray, split: Split, about: dict) -> dict:
    """The section of metrics.json for one split with probabilities `found` (n, classes), as far as labels decide it."""
    sets = metrics.prediction_sets(found, split.labels, about["prediction_set_threshold"])
    return metrics.measure(found, split.labels, tuple(about["labels"])) | {"prediction_sets": sets}


def read_metadata(model: Path) -> dict[str, str]:
    """The metadata of an ONNX file."""
    return {entry.key: entry.value for entry in onnx.load(model).metadata_props}


def describe(model: Path) -> dict:
    """The `model` section of metrics.json: what the file says of itself, its size and its hash.

    Raises ValueError for a file without metadata that the card needs; the service has checked the rest by now.
    """
    body = model.read_bytes()
    metadata = read_metadata(model)
    for key in ("parameters", "multiply_adds"):
        if key not in metadata:
            raise ValueError(f"{model} carries no {key!r} metadata; export it with `make export`.")
    labels = json.loads(metadata["labels"])
    temperature = float(metadata["temperature"])
    threshold = "prediction_set_threshold" if "prediction_set_threshold" in metadata else "plausible_threshold"
    # Older files have no offsets, one temperature for all classes, and name no data, which was always FER-2013.
    data: dict = json.loads(metadata["data"]) if "data" in metadata else {"name": FER2013, "note": ""}
    if "faces" in data:
        names = dict(zip(FER2013_SPLITS, SPLITS, strict=True))
        data["faces"] = {names.get(name, name): count for name, count in data["faces"].items()}
    counts = {key: int(metadata[key]) for key in ("parameters", "multiply_adds", "seed")}
    texts = ("name", "version", "licence", "created", "code_version", "data_sha256", "heatmap_layer")
    return {
        "file": model.name,
        "sha256": hashlib.sha256(body).hexdigest(),
        "bytes": len(body),
        "labels": labels,
        "offsets": json.loads(metadata["offsets"]) if "offsets" in metadata else [0.0] * len(labels),
        "temperatures": json.loads(metadata.get("temperatures", "null")) or [temperature] * len(labels),
        "data": data,
        **counts,
        "temperature": temperature,
        "prediction_set_threshold": float(metadata[threshold]),
        "crop_margin": float(metadata["crop_margin"]),
        **{key: metadata[key] for key in texts},
        **({"twin": metadata["twin"]} if "twin" in metadata else {}),
        **({"votes": json.loads(metadata["votes"])} if "votes" in metadata else {}),
    }


def training_record(model: Path) -> dict | None:
    """How the file's weights were trained (`checkpoints.training_record`); None for a file that does not say."""
    metadata = read_metadata(model)
    if "training" not in metadata:
        return None
    record: dict = json.loads(metadata["training"])
    return record | {"history": rename_old_keys(record["history"])}


def training_summary(model: Path) -> dict | None:
    """The training record with sums in place of the figures of every epoch."""
    record = training_record(model)
    if record is None:
        return None
    history = record.pop("history")
    seconds = [epoch["seconds"] for epoch in history] + [run["seconds"] for run in record.get("averaged_with", [])]
    return record | {"seconds": sum(seconds), "epochs": len(history)}


def summary(split: str, figures: dict) -> str:
    """The figures of one split for the terminal."""
    section = figures["splits"][split]
    low, high = section["accuracy_95"]
    recalls = ", ".join(f"{label} {value:.1%}" for label, value in section["recall"].items())
    return (
        f"{split}: accuracy {section['accuracy']:.2%} ({low:.2%} to {high:.2%}), macro-F1 {section['macro_f1']:.2%}, "
        f"NLL {section['nll']:.3f}, calibration error {section['ece']:.2%}, "
        f"coverage {section['prediction_sets']['coverage']:.1%}\nrecall: {recalls}"
    )
