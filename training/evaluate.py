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
from training import metrics, train
from training.dataset import SIZE, SPLITS, Dataset, Split

METRICS = "metrics.json"
CARD = "MODEL_CARD.md"
BATCH = 256
FAITHFULNESS_FACES = 512


def evaluate(model: Path, data: Dataset, split_name: str, run: Path) -> dict:
    """Measure one split and write metrics.json and MODEL_CARD.md beside the model; returns what metrics.json holds.

    Recipe and training time are added if the model was exported from `run`.
    """
    classifier = open_model(model)
    about = describe(model)
    split = data.splits()[SPLITS.index(split_name)]
    probabilities = answer(classifier, split.faces, split_name)
    section = measure(probabilities, split, about) | {"heatmaps": faithfulness(classifier, split.faces)}
    path = model.parent / METRICS
    before = json.loads(path.read_text()) if path.exists() else None
    # Another file's figures would look like this one's.
    if before is None or before["model"]["sha256"] != about["sha256"]:
        before = {"training": None, "splits": {}}
    figures = {
        "model": about,
        "training": _training(run, about["version"]) or before["training"],
        "splits": before["splits"] | {split_name: section},
    }
    path.write_text(json.dumps(figures, indent=1) + "\n")
    (model.parent / CARD).write_text(card(figures))
    return figures


def open_model(model: Path) -> EmotionClassifier:
    """The service's classifier of a file. Raises ValueError where the service would refuse it."""
    try:
        return EmotionClassifier(model)
    except ModelError as error:
        raise ValueError(str(error)) from error


def answer(classifier: EmotionClassifier, faces: np.ndarray, name: str) -> np.ndarray:
    """Probabilities (n, classes) of faces uint8 (n, h, w, 1)."""
    starts = tqdm(range(0, len(faces), BATCH), desc=name, unit="batch")
    return np.concatenate([classifier.classify(faces[start : start + BATCH]).probabilities for start in starts])


def measure(probabilities: np.ndarray, split: Split, about: dict) -> dict:
    """One split's section of metrics.json."""
    sets = metrics.label_sets(probabilities, split.labels, about["plausible_threshold"])
    return metrics.measure(probabilities, split.labels, tuple(about["labels"])) | {"label_sets": sets}


def faithfulness(classifier: EmotionClassifier, faces: np.ndarray) -> dict:
    """Do the heatmaps show what the answers rest on?

    A quarter of a face's heatmap cells is painted in the face's mean grey, once where the answer's map is hottest and
    once where it is coldest. Gives the mean fall of the answer's probability in both cases; the first has to be
    larger by far.
    """
    faces = faces[np.linspace(0, len(faces) - 1, min(FAITHFULNESS_FACES, len(faces))).astype(int)]
    reading = classifier.classify(faces)
    rows, answers = np.arange(len(faces)), reading.probabilities.argmax(1)
    maps = reading.heatmaps[rows, answers]
    ranks = maps.reshape(len(faces), -1).argsort(1).argsort(1).reshape(maps.shape)
    cells, quarter = maps[0].size, maps[0].size // 4
    # Which cell a pixel lies in, so that any heatmap size does.
    down, across = (np.arange(SIZE) * side // SIZE for side in maps.shape[1:])
    falls = {}
    for name, painted in (("hottest", ranks >= cells - quarter), ("coldest", ranks < quarter)):
        hidden = painted[:, down][:, :, across][..., None]
        changed = np.where(hidden, faces.mean((1, 2, 3), keepdims=True).astype(np.uint8), faces)
        fall = reading.probabilities[rows, answers] - classifier.classify(changed).probabilities[rows, answers]
        falls[f"fall_{name}"] = float(fall.mean())
    return {"faces": len(faces)} | falls


def describe(model: Path) -> dict:
    """What the file says of itself, and its size and hash."""
    body = model.read_bytes()
    words = {entry.key: entry.value for entry in onnx.load_from_string(body).metadata_props}
    # The service needs the rest, and has refused by now; these two are for the card.
    for key in ("parameters", "multiply_adds"):
        if key not in words:
            raise ValueError(f"{model} carries no {key!r} metadata; export it with `make export`.")
    numbers = {key: float(words[key]) for key in ("temperature", "plausible_threshold", "crop_margin")}
    counts = {key: int(words[key]) for key in ("parameters", "multiply_adds", "seed")}
    texts = ("name", "version", "licence", "created", "code_version", "data_sha256", "heatmap_layer")
    return {
        "file": model.name,
        "sha256": hashlib.sha256(body).hexdigest(),
        "bytes": len(body),
        "labels": json.loads(words["labels"]),
        **counts,
        **numbers,
        **{key: words[key] for key in texts},
    }


def _training(run: Path, version: str) -> dict | None:
    """What the run tells of the model's training; None if the model is not that run's."""
    if not (run / train.BEST).exists():
        return None
    words, arrays = train.read_checkpoint(run / train.BEST)
    weights = (arrays[f"average/{i}"] for i in range(len(arrays)))
    if not version.endswith(train.fingerprint(weights)):
        return None
    history = json.loads((run / train.HISTORY).read_text())
    return {
        "seconds": sum(epoch["seconds"] for epoch in history),
        "epochs": len(history),
        "exported_epoch": words["epoch"],
        "recipe": json.loads(words["recipe"]),
        # Runs begun before this was recorded leave it open.
        "votes": words.get("votes"),
    }


# --- card --------------------------------------------------------------------------------------


def card(figures: dict) -> str:
    """MODEL_CARD.md; every figure in it comes from metrics.json."""
    model, training = figures["model"], figures["training"]
    parts = [
        f"# {model['name']} {model['version']}",
        _what(model),
        _USES,
        "## Figures\n\n" + "\n\n".join(_split(name, section, model) for name, section in figures["splits"].items()),
        _DATA,
        _recipe(training, model) if training else "",
        _LIMITS,
        _origin(model),
    ]
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


def _what(model: dict) -> str:
    labels = model["labels"]
    rows = (
        ("file", f"`{model['file']}`, {model['bytes'] / 1e6:.2f} MB, {model['parameters']:,} parameters"),
        ("work", f"{model['multiply_adds'] / 1e6:.1f} million multiply-adds a face"),
        ("input", "`faces`, uint8 (n, 48, 48, 1), raw grey values: scaling is in the graph"),
        (
            "output",
            f"`probabilities` (n, {len(labels)}), calibrated with temperature {model['temperature']:.3f}; "
            f"`heatmaps`, Grad-CAM of every class",
        ),
        (
            "crop",
            "the box of OpenCV's `haarcascade_frontalface_default`, "
            f"{model['crop_margin']:+.1%} of its side on each side",
        ),
        ("licence", model["licence"]),
    )
    return "\n".join(
        (
            f"A small convolutional network that tells which of {len(labels)} facial expressions",
            f"({', '.join(labels)})",
            "a grey picture of one face shows, and where in the picture it sees it.",
            "",
            "| | |",
            "|---|---|",
            *(f"| {name} | {words} |" for name, words in rows),
        )
    )


_USES = """
## Intended use

Showing people how their own face looks to a machine, teaching, research on expression recognition, and as a base
to build on. Someone decides to use it on their own face or with the consent of those shown. The answer says how a
face *looks* in one picture; it does not say what a person feels, means or will do.

## Not for

- **Work and education**: inferring the emotions of people there is prohibited in the European Union (AI Act,
  Regulation (EU) 2024/1689, Article 5(1)(f)), except for medical or safety reasons, for which this model is not
  made either.
- Decisions about people of any kind: hiring, credit, insurance, policing, border control, lie detection, grading.
- Diagnosis or monitoring of health.
- Watching people who do not know of it. Where emotion recognition is permitted, Article 50(3) of the AI Act asks
  that the people exposed are told.
"""

_DATA = """
## Data

FER-2013 (Goodfellow et al. 2013, *Challenges in Representation Learning*): grey 48x48 faces from web image search,
in its official splits. Training taught the network, PublicTest chose the epoch and fitted the temperature
and the plausibility threshold, PrivateTest is measured once for each released model.

The labels are noisy: people reach about 65 ± 5 % on them (same paper), some pictures show no face, and classes are
far from balanced (disgust is rarest by far). An accuracy a little above people's therefore
says that the model has learnt this data set's habits, not that it reads faces better than people do. Who is in the
pictures is not documented (age, sex, skin, origin), so neither is how fairly the model treats them.
"""

_LIMITS = """
## Limits

- One frontal face that fills the crop; profiles, masks, hands and small or dark faces are not what it was taught.
- Classes that people confuse, it confuses: fear, sad, angry and neutral. See the confusion matrix.
- Many of the data's pictures are stock photos with acted expressions: everyday ones are subtler.
- Calibration and the plausible labels hold for pictures like FER-2013's, and no others.
- A heatmap shows roughly what raised one class's score (Grad-CAM); it explains the network, not the face.
"""


def _split(name: str, section: dict, model: dict) -> str:
    low, high = section["accuracy_95"]
    sets = section["label_sets"]
    chosen = "; it chose the epoch and fitted the calibration, so its figures flatter" if name == "PublicTest" else ""
    single = sets["accuracy_where_single"]
    lines = [
        f"### {name}",
        "",
        f"{section['faces']:,} faces{chosen}. No test-time augmentation. Measured on the file itself, through the "
        "service's classifier.",
        "",
        "| | |",
        "|---|---|",
        f"| accuracy | **{section['accuracy']:.2%}** (95 % interval {low:.2%} to {high:.2%}) |",
        f"| macro-F1 | {section['macro_f1']:.2%} |",
        f"| negative log likelihood | {section['nll']:.3f} |",
        f"| expected calibration error ({metrics.BINS} bins) | {section['ece']:.2%} |",
        f"| labels with p ≥ {model['plausible_threshold']:.3f} hold the true one | {sets['coverage']:.1%}, "
        f"{sets['mean_size']:.2f} labels on average |",
        f"| exactly one such label (else `uncertain`) | {sets['single']:.1%} of faces"
        + (f", of which {single:.1%} right |" if single is not None else " |"),
        f"| fall of the answer's probability with the hottest quarter of its heatmap hidden; the coldest | "
        f"{section['heatmaps']['fall_hottest']:.1%}; {section['heatmaps']['fall_coldest']:.1%} |",
        "",
        "| class | recall | precision | faces |",
        "|---|---|---|---|",
    ]
    for label, row in zip(model["labels"], section["confusion"], strict=True):
        lines.append(f"| {label} | {section['recall'][label]:.1%} | {section['precision'][label]:.1%} | {sum(row)} |")
    return "\n".join(lines)


def _recipe(training: dict, model: dict) -> str:
    recipe = training["recipe"]
    widths = "/".join(map(str, recipe["widths"]))
    sizes = ", then ".join(f"{size} px until {until:.0%}" for until, size in recipe["sizes"])
    share, until = f"{recipe['votes_share']:.0%}", f"{recipe['votes_until']:.0%}"
    votes = {
        True: f"for the first {until} of the epochs, {share} of each target is what FER+'s ten voters make of the "
        "face (FERPlus, MIT licence), after that FER-2013's label is all of it",
        False: "FER+ votes were not used",
        None: f"where FER+ votes (FERPlus, MIT licence) were given, they are {share} of each target for the first "
        f"{until} of the epochs",
    }[training["votes"]]
    return "\n".join(
        (
            "## Recipe",
            "",
            f"A residual network (widths {widths}) of 3x3 convolutions after a 6x6 stem with stride 2, batch norm,",
            "global average pooling and one linear layer, trained from scratch. SGD with Nesterov momentum",
            f"{recipe['momentum']}, batch {recipe['batch']}, rate {recipe['learning_rate']} with warm-up and cosine to",
            f"zero over {recipe['epochs']} epochs, weight decay {recipe['weight_decay']} (decoupled), label smoothing",
            f"{recipe['label_smoothing']}; {votes}.",
            f"Mirror, rotation, scale, shift, light and erasing as augmentation; training size {sizes} of the epochs.",
            f"What is exported is the moving average of the weights ({recipe['average_decay']}) after epoch "
            f"{training['exported_epoch']} of {training['epochs']}, seed {model['seed']}.",
            f"Training took {training['seconds'] / 60:.0f} minutes of steps.",
        )
    )


def _origin(model: dict) -> str:
    return f"""
## Origin

Made {model["created"]} by code `{model["code_version"]}` from data with sha256 `{model["data_sha256"]}`
(labels and pixels). The file's sha256 is `{model["sha256"]}`. Figures: `{METRICS}`.
"""


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
