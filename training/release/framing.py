"""How much to add around a detected face so that the crop is framed like the faces of the data.

Measured with the service's own detector and crop, in two steps.

1. Data: each train face, 48x48, is enlarged four times, its border is repeated outwards (a detector needs room around
   a face), and the detector looks for the face in it. *Coverage* is the side of the found box divided by the side of
   the picture; the offset is the distance of the box's centre from the picture's, in shares of the side. The detector
   tries sizes in steps of 1.2, so it is run several times with shifted sizes, and the mean counts.
2. Photos: every face found in them is cropped with each candidate margin, exactly as in the service, and looked for
   again in the crop as in step 1. The margin whose median coverage is nearest to the data's is the result. Any bias of
   the detector is in both figures and cancels out.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from service import images
from service.detectors.haar import HaarDetector
from service.problems import Problem
from training.data.dataset import FER2013, SIZE, Dataset, is_fer2013

FILE = "framing.json"
# Result of `measure` for FER-2013, for an export without framing.json: share of the box's side to add on each side.
MARGIN = -0.04
MARGINS = tuple(round(-0.10 + 0.02 * step, 2) for step in range(16))
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
ENLARGED = 4
# Smallest faces to look for, in shares of the side: they divide one step of the detector into seven.
SMALLEST = tuple(0.4 * 1.2 ** (shift / 7) for shift in range(7))
# Border around the picture in shares of its side.
BORDER = 0.5
MAX_PIXELS = 50_000_000


@dataclass(frozen=True)
class Found:
    """Where the detector found the face of one picture, in shares of the picture's side."""

    coverage: float
    offset_x: float
    offset_y: float


def margin(path: Path, data: Dataset) -> float:
    """The margin in `path` if it was measured on this data, else MARGIN for FER-2013 and 0 for others."""
    if path.exists():
        measured = json.loads(path.read_text())
        # Older files name no data, which was always FER-2013.
        if measured.get("data", FER2013) == data.name:
            return float(measured["margin"])
    return MARGIN if is_fer2013(data.name, data.labels) else 0.0


def measure(data: Dataset, photos: Path, faces: int) -> dict:
    """Both steps, with `faces` evenly spaced train faces. Plain numbers for JSON.

    Raises ValueError where no face is found, or a photo cannot be read.
    """
    detector, split = HaarDetector(), data.train
    rows = np.linspace(0, len(split) - 1, min(faces, len(split))).astype(int)
    own = [locate(detector, split.faces[row, :, :, 0]) for row in tqdm(rows, desc=data.name, unit="face")]
    target = _summary(own)
    crops = faces_of_photos(detector, photos)
    candidates = {}
    for share in tqdm(MARGINS, desc="margins", unit="margin"):
        found = [locate(detector, images.crop(grey, box, (SIZE, SIZE), share)) for grey, box in crops]
        candidates[share] = _summary(found)
    best = choose(target, candidates)
    return {
        "data": data.name,
        "margin": best,
        "faces": target,
        "photos": {"faces": len(crops), "by_margin": {f"{share:.2f}": found for share, found in candidates.items()}},
    }


def choose(target: dict, candidates: dict[float, dict]) -> float:
    """The margin whose median coverage is nearest to the target's."""
    median = target["coverage"]["0.5"]
    return min(candidates, key=lambda share: abs(candidates[share]["coverage"]["0.5"] - median))


def surrounded(grey: np.ndarray) -> np.ndarray:
    """A square picture uint8 (h, h), enlarged, with its border repeated outwards to give the detector room."""
    side = grey.shape[0] * ENLARGED
    large = np.asarray(Image.fromarray(grey).resize((side, side), Image.Resampling.BICUBIC))
    return np.pad(large, round(side * BORDER), mode="edge")


def locate(detector: HaarDetector, grey: np.ndarray) -> Found | None:
    """The one face of a square picture uint8 (h, h), looked for in `surrounded`; None where none is found."""
    side = grey.shape[0] * ENLARGED
    border = round(side * BORDER)
    padded = surrounded(grey)
    looks = [detector.detect(padded, min_face_px=round(share * side), max_faces=1) for share in SMALLEST]
    boxes = np.array([[look[0].box.x, look[0].box.y, look[0].box.width] for look in looks if look])
    if len(boxes) == 0:
        return None
    x, y, width = (boxes - (border, border, 0)).mean(0) / side
    return Found(coverage=float(width), offset_x=float(x + width / 2 - 0.5), offset_y=float(y + width / 2 - 0.5))


def faces_of_photos(detector: HaarDetector, photos: Path) -> list[tuple[np.ndarray, images.Box]]:
    """Every face of every photo in a folder: the photo's grey pixels uint8 (h, w) and the box. Raises ValueError."""
    files = sorted(file for file in photos.glob("*") if file.suffix.lower() in {".jpg", ".jpeg", ".png", ".webp"})
    crops = []
    for file in tqdm(files, desc="photos", unit="photo"):
        try:
            grey = images.decode(file.read_bytes(), max_pixels=MAX_PIXELS).grey
        except Problem as error:
            raise ValueError(f"{file}: {error}") from error
        crops += [(grey, found.box) for found in detector.detect(grey, min_face_px=SIZE, max_faces=20)]
    if not crops:
        raise ValueError(f"{photos} holds no photo with a face of {SIZE} pixels or more.")
    return crops


def _summary(found: list[Found | None]) -> dict:
    """Number of pictures, of found faces, and quantiles of the latter."""
    kept = [asdict(one) for one in found if one]
    if not kept:
        raise ValueError("the detector finds no face in any of these pictures, so nothing can be measured.")
    columns = {
        name: {str(q): round(float(np.quantile([row[name] for row in kept], q)), 4) for q in QUANTILES}
        for name in ("coverage", "offset_x", "offset_y")
    }
    return {"pictures": len(found), "found": len(kept), **columns}


def table(measured: dict) -> str:
    """The figures as a table for the terminal."""
    head = "                found " + "".join(f"  q{round(q * 100):02d}   " for q in QUANTILES)
    faces, name = measured["faces"], measured["data"]
    lines = [name[:16].ljust(16) + head[16:]]
    for column in ("coverage", "offset_x", "offset_y"):
        lines.append(f"{column:<10}{faces['found']:>6}/{faces['pictures']:<5}" + _row(faces[column]))
    lines.append("photos, coverage by margin")
    for share, found in measured["photos"]["by_margin"].items():
        chosen = f"  <- nearest to {name}" if float(share) == measured["margin"] else ""
        lines.append(f"{share:>9} {found['found']:>6}/{found['pictures']:<5}" + _row(found["coverage"]) + chosen)
    return "\n".join(lines)


def _row(quantiles: dict[str, float]) -> str:
    return "".join(f"{value:>7.3f}" for value in quantiles.values())
