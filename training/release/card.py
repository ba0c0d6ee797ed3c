"""MODEL_CARD.md: what the model is, what it is for, how right it is, from what metrics.json holds."""

from training.data.dataset import is_fer2013
from training.release import metrics, prose


def render(figures: dict) -> str:
    """The card as Markdown; every figure in it comes from what metrics.json holds."""
    model, training = figures["model"], figures["training"]
    known = is_fer2013(model["data"]["name"], model["labels"])
    parts = [
        f"# {model['name']} {model['version']}",
        _what(model),
        prose.USES,
        "## Figures\n\n" + "\n\n".join(_split(name, section, model) for name, section in figures["splits"].items()),
        _robustness(figures["robustness"]) if "robustness" in figures else "",
        _explanations(figures["explanations"]) if "explanations" in figures else "",
        _int8(figures["int8"]) if "int8" in figures else "",
        prose.FER2013_DATA if known else _other_data(model),
        _copies(figures["duplicates"]) if "duplicates" in figures else "",
        f"Note: {model['data']['note']}." if model["data"]["note"] else "",
        _recipe(training, model) if training else "",
        prose.FER2013_LIMITS if known else prose.OTHER_LIMITS,
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
            f"`probabilities` (n, {len(labels)}), {_calibrated(model)}; `heatmaps`, Grad-CAM of every class",
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


def _calibrated(model: dict) -> str:
    """What became of the logits: which classes are raised, as they would be answered too rarely; how sure to be."""
    labels = model["labels"]
    temperatures = ", ".join(f"{label} {each:.2f}" for label, each in zip(labels, model["temperatures"], strict=True))
    offsets = zip(labels, model["offsets"], strict=True)
    added = ", ".join(f"{label} {offset:+.2f}" for label, offset in offsets if offset)
    return f"calibrated with temperatures ({temperatures})" + (f" after adding to logits ({added})" if added else "")


def _other_data(model: dict) -> str:
    """All that is known of data that is not FER-2013."""
    data = model["data"]
    faces = ", ".join(f"{name} {count:,}" for name, count in data["faces"].items())
    return f"""
## Data

{data["name"]}: pictures in folders by label ({faces}). Training taught the network, PublicTest chose the epoch and
fitted the calibration and the plausibility threshold, PrivateTest is only measured.

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
        *_without_copies(section.get("without_copies")),
        *_voters(section.get("voters")),
        "",
        "| class | recall | precision | faces |",
        "|---|---|---|---|",
    ]
    for label, row in zip(model["labels"], section["confusion"], strict=True):
        lines.append(f"| {label} | {section['recall'][label]:.1%} | {section['precision'][label]:.1%} | {sum(row)} |")
    return "\n".join((*lines, *_quarters(section.get("slices"))))


def _without_copies(found: dict | None) -> list[str]:
    if not found:
        return []
    low, high = found["accuracy_95"]
    return [
        f"| accuracy without the faces that have a copy in what taught or chose ({found['faces']:,} left) | "
        f"{found['accuracy']:.2%} ({low:.2%} to {high:.2%}) |"
    ]


def _voters(found: dict | None) -> list[str]:
    if not found:
        return []
    rows = {
        "FER-2013's label is the majority of ten FER+ voters": found["label_is_majority"],
        "answer is the voters' majority": found["answer_is_majority"],
        "accuracy where label and voters agree": found["answer_is_label"]["label_is_majority"],
        "accuracy where they do not": found["answer_is_label"]["label_is_not_majority"],
        "there, answer is the voters' majority": found["answer_is_majority_where_label_is_not"],
    }
    return [f"| {name} | {_share(row)} |" for name, row in rows.items()]


def _share(row: dict) -> str:
    if not row["faces"]:
        return "no faces"
    low, high = row["share_95"]
    return f"{row['share']:.1%} ({low:.1%} to {high:.1%}) of {row['faces']:,}"


def _quarters(found: dict | None) -> list[str]:
    if not found:
        return []
    lines = ["", "| accuracy by quarter of the faces, least first | 1 | 2 | 3 | 4 |", "|---|---|---|---|---|"]
    for name in ("brightness", "sharpness"):
        cells = " | ".join(f"{row['accuracy']:.1%}" for row in found[name])
        lines.append(f"| {name} | {cells} |")
    return lines


def _robustness(found: dict) -> str:
    lines = [
        "## Faces as they come",
        "",
        f"PublicTest, {found['clean']:.2%} as it is; each change against the same faces unchanged. Probabilities of a "
        f"face and of its mirror image differ by {found['mirror_difference']:.4f} on average: the brighter half is "
        "turned to the left before the network looks.",
        "",
        "| change | faces | accuracy | points lost | allowed | worst extreme |",
        "|---|---|---|---|---|---|",
    ]
    for row in found["conditions"]:
        if not row["faces"]:
            lines.append(f"| {row['name']} | 0 | - | - | {row['allowed_points']:g} | |")
            continue
        worst = f"{row['worst']['name']}: {row['worst']['loss_points']:.1f} points" if "worst" in row else ""
        lines.append(
            f"| {row['name']} | {row['faces']:,} | {row['accuracy']:.2%} | {row['loss_points']:.1f} | "
            f"{row['allowed_points']:g} | {worst} |"
        )
    return "\n".join(lines)


_MAPS = {"ours": "our maps", "random": "random maps", "blob": "centred blob", "halved": "our maps at half the size"}
_CURVES = {
    "deletion": "deletion: hottest pixels greyed first; low is faithful",
    "insertion": "insertion: hottest pixels back first; high",
    "road": "ROAD: hottest pixels filled in first; low",
    "road_coldest": "ROAD: coldest pixels filled in first; high",
}


def _explanations(found: dict) -> str:
    height, width = found["map_hw"]
    kinds = [kind for kind in _MAPS if kind in found["area"]["deletion"]]
    lines = [
        "## Are the heatmaps true?",
        "",
        f"Mean probability of the answer over the shares of changed pixels, {found['faces']:,} PublicTest faces, "
        f"maps of {height}x{width}; in brackets by how many points our maps lead (95 % interval).",
        "",
        f"| | {' | '.join(_MAPS[kind] for kind in kinds)} |",
        f"|---|{'---|' * len(kinds)}",
    ]
    for curve, words in _CURVES.items():
        cells = [_area(found, curve, kind) for kind in kinds]
        lines.append(f"| {words} | {' | '.join(cells)} |")
    shuffled = found["randomisation"]
    lines += [
        "",
        "With all weights shuffled the maps change: rank correlation with the true ones "
        f"{shuffled['levels'][-1]['rank_correlation']:.2f} ({shuffled['faces']} faces, {shuffled['seeds']} shuffles; "
        f"two faces' true maps: {shuffled['between_faces']:.2f}).",
    ]
    return "\n".join(lines)


def _area(found: dict, curve: str, kind: str) -> str:
    mean = f"{found['area'][curve][kind]:.1%}"
    if kind == "ours":
        return mean
    low, high = found["lead"][curve][kind]["interval_95"]
    return f"{mean} ({100 * low:+.1f} to {100 * high:+.1f})"


def _int8(found: dict) -> str:
    kept = "It is kept beside the file." if found["kept"] else "It is not kept."
    return f"""
## As int8

Static quantisation (QDQ, ranges from training faces), best of {len(found["tried"])} variants ({found["variant"]}):
{found["accuracy_int8"]:.2%} on PublicTest instead of {found["accuracy_fp32"]:.2%},
{found["speedup_one_core"]:.2f} times as fast on one core ({found["milliseconds_fp32"]:.2f} ms as it is),
{found["bytes"] / 1e6:.2f} instead of {found["bytes_fp32"] / 1e6:.2f} MB. {kept}
"""


def _copies(found: dict) -> str:
    lines = [
        "### The same photo twice",
        "",
        f"Pairs of faces with a likeness of at least {found['alike_from']} "
        "(`training/studies/duplicates.py` says of what).",
        "",
        "| | pairs | same pixels | mirrored | with two labels |",
        "|---|---|---|---|---|",
    ]
    for name, row in found["splits"].items():
        lines.append(f"| {name} | {row['pairs']:,} | {row['exact']:,} | {row['mirrored']:,} | {row['other_label']:,} |")
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
    excite = " with squeeze and excitation" if recipe.get("squeeze") else ""
    ease = ""
    if recipe["eased"] < 1:
        ease = f", {recipe['eased']:.0%} as strong from {recipe['ease_from']:.0%} of the epochs on"
    seed = model["seed"]
    if others := training.get("averaged_with"):
        runs = ", ".join(f"{run['share']:.0%} seed {run['seed']} after epoch {run['epoch']}" for run in others)
        seed = f"{seed}, averaged with that of other runs ({runs}; model soup, Wortsman et al. 2022)"
    return f"""
## Recipe

A residual network (widths {widths}) of 3x3 convolutions{excite} after a 6x6 stem with stride 2, batch norm,
global average pooling and one linear layer, trained from {start}. SGD with Nesterov momentum
{recipe["momentum"]}, batch {recipe["batch"]}, rate {recipe["learning_rate"]} with warm-up and cosine to
zero over {recipe["epochs"]} epochs, weight decay {recipe["weight_decay"]} (decoupled). Targets are the data's labels
with smoothing {recipe["label_smoothing"]}{soft}
Mirror, rotation, scale, shift, light, coarseness, JPEG and erasing as augmentation{ease}; training size {sizes} of the
epochs. What is exported is the moving average of the weights ({recipe["average_decay"]}) after epoch
{training["exported_epoch"]} of {training["epochs"]}, seed {seed}. Training took {training["seconds"] / 60:.0f}
minutes of steps. `training/EXPERIMENTS.md` tells how the recipe came about.

Before it a face is mirrored where its right half is the brighter, and its heatmaps are mirrored back. Without that, the
probabilities of a PublicTest face and of its mirror image would differ by
{training["mirror_difference_unoriented"]:.4f} on average: by about as much an answer can jump when the light on a face
moves from one half to the other.
"""


def _origin(model: dict) -> str:
    return f"""
## Origin

Made {model["created"]} by code `{model["code_version"]}` from data with sha256 `{model["data_sha256"]}`
(labels and pixels). The file's sha256 is `{model["sha256"]}`. Figures: `metrics.json`.
"""
