"""Folders of pictures: made-up shapes as three classes, and FER-2013's faces as image files."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from training.data.dataset import FER2013_SPLITS, LABELS, Split

SHAPES = ("circle", "square", "stripe")
SIZES = ((48, 48), (31, 31), (120, 90), (64, 100), (200, 200))


def draw_shape(shape: str, random: np.random.Generator) -> Image.Image:
    """In colours and of a size that differ from picture to picture; light on dark."""
    width, height = SIZES[random.integers(len(SIZES))]
    picture = Image.new("RGB", (width, height), tuple(random.integers(0, 70, 3).tolist()))
    pen, colour = ImageDraw.Draw(picture), tuple(random.integers(170, 256, 3).tolist())
    side, x, y = min(width, height), width / 2, height / 2
    if shape == "circle":
        pen.ellipse((x - side / 5, y - side / 5, x + side / 5, y + side / 5), fill=colour)
    elif shape == "square":
        box = (x - side * 0.4, y - side * 0.4, x + side * 0.4, y + side * 0.4)
        pen.rectangle(box, outline=colour, width=max(2, side // 12))
    else:
        for middle in np.arange(0.1, 1, 0.25) * height:
            pen.rectangle((0, middle - height * 0.05, width, middle + height * 0.05), fill=colour)
    return picture


def write_shapes(root: Path, counts: dict[str, int], labels: tuple[str, ...] = SHAPES) -> Path:
    """`counts` pictures of each label in each part: train, test, val …"""
    for number, (part, count) in enumerate(counts.items()):
        random = np.random.default_rng(number)
        for label, shape in zip(labels, SHAPES * len(labels), strict=False):
            folder = root / part / label
            folder.mkdir(parents=True)
            for index in range(count):
                draw_shape(shape, random).save(folder / f"{index}.png")
    return root


def write_faces(root: Path, splits: dict[str, Split], *, prefixed: bool) -> Path:
    """FER-2013 as image files by label; `prefixed` names begin with the name of the split."""
    usages = dict(zip(("train", "validation", "test"), FER2013_SPLITS, strict=True))
    for name, split in splits.items():
        for number, (face, label) in enumerate(zip(split.faces, split.labels, strict=True)):
            folder = root / ("train" if name == "train" else "test") / LABELS[label]
            folder.mkdir(parents=True, exist_ok=True)
            stem = f"{usages[name]}_{number}" if prefixed else f"im{name[:3]}{number}"
            # Lossless, so that pixels can be compared; the reader does not look at the ending of the name.
            Image.fromarray(face[..., 0]).save(folder / f"{stem}.jpg", format="PNG")
    (root / "train" / LABELS[0] / ".DS_Store").write_bytes(b"what file managers leave behind")
    return root
