"""MODEL_CARD.md: what the model is, what it is for, how right it is, from what metrics.json holds."""

from training import metrics
from training.dataset import is_fer2013


def render(figures: dict) -> str:
    """The card as Markdown; every figure in it comes from what metrics.json holds."""
    model, training = figures["model"], figures["training"]
    known = is_fer2013(model["data"]["name"], model["labels"])
    parts = [
        f"# {model['name']} {model['version']}",
        _what(model),
        _USES,
        "## Figures\n\n" + "\n\n".join(_split(name, section, model) for name, section in figures["splits"].items()),
        _DATA if known else _other_data(model),
        f"Note: {model['data']['note']}." if model["data"]["note"] else "",
        _recipe(training, model),
        _LIMITS if known else _OTHER_LIMITS,
        _origin(model),
    ]
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


def _what(model: dict) -> str:
    labels = model["labels"]
    kind, shown = "labels", "a grey picture fits"
    if is_fer2013(model["data"]["name"], labels):
        kind, shown = "facial expressions", "a grey picture of one face shows"
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
            f"A small convolutional network that tells which of {len(labels)} {kind}",
            f"({', '.join(labels)})",
            f"{shown}, and where in the picture it sees it.",
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


_OTHER_LIMITS = """
## Limits

- What it has learned is its data's habit of giving these labels; how well people agree on them is not known here.
- Every picture is turned grey, made square by repeating its edges, and brought to 48x48: what differs in colour or in
  fine detail alone looks the same to it.
- It was taught that mirror images are alike, so it cannot tell left from right.
- It knows its labels only: a picture of something else gets one of them.
- Calibration and the plausible labels hold for pictures like its data's, and no others.
- A heatmap shows roughly what raised one class's score (Grad-CAM); it explains the network, not the picture.
"""


def _other_data(model: dict) -> str:
    """All that is known of data that is not FER-2013."""
    data = model["data"]
    faces = ", ".join(f"{name} {count:,}" for name, count in data["faces"].items())
    return f"""
## Data

{data["name"]}: pictures in folders by label ({faces}). Training taught the network, PublicTest chose the epoch and
fitted the temperature and the plausibility threshold, PrivateTest is measured once for each released model.

Nothing else is known here: where the pictures come from, who or what is in them, who gave the labels and how
reliably. Whoever passes the model on should say so in this place.
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
    start = f"the weights of {training['started_from']}" if training["started_from"] else "random weights"
    soft = "."
    if training["soft"]:
        soft = (
            f"; for the first {recipe['soft_until']:.0%} of the epochs {recipe['soft_share']:.0%} of each target is "
            f"the joint answer of {training['soft']}."
        )
    mirror = ""
    if recipe["mirror_from"] < 1:
        mirror = (
            f" From {recipe['mirror_from']:.0%} of the epochs on, mirror images are asked for the same answer "
            f"(penalty {recipe['mirror_penalty']})."
        )
    return f"""
## Recipe

A residual network (widths {widths}) of 3x3 convolutions after a 6x6 stem with stride 2, batch norm,
global average pooling and one linear layer, trained from {start}. SGD with Nesterov momentum
{recipe["momentum"]}, batch {recipe["batch"]}, rate {recipe["learning_rate"]} with warm-up and cosine to
zero over {recipe["epochs"]} epochs, weight decay {recipe["weight_decay"]} (decoupled). Targets are the data's labels
with smoothing {recipe["label_smoothing"]}{soft}
Mirror, rotation, scale, shift, light, coarseness and erasing as augmentation; training size {sizes} of the
epochs.{mirror} What is exported is the moving average of the weights ({recipe["average_decay"]}) after epoch
{training["exported_epoch"]} of {training["epochs"]}, seed {model["seed"]}. Training took {training["seconds"] / 60:.0f}
minutes of steps. `training/EXPERIMENTS.md` tells how the recipe came about.
"""


def _origin(model: dict) -> str:
    return f"""
## Origin

Made {model["created"]} by code `{model["code_version"]}` from data with sha256 `{model["data_sha256"]}`
(labels and pixels). The file's sha256 is `{model["sha256"]}`. Figures: `metrics.json`.
"""
