"""How much to add around a detected face so that the crop is framed as FER-2013, or other data, frames faces.

Measured with the service's own detector and crop, in two steps.

1. FER-2013: each Training face, 48x48, is enlarged four times, its border is repeated outwards (a detector needs
   room around a face), and the detector looks for the face in it. *Coverage* is the side of the found box over the
   side of the picture; the offset is how far the box's centre lies from the picture's, in shares of the side.
   The detector tries sizes in steps of 1.2, so it looks several times with the steps shifted, and the mean counts.
2. Photos: every face found in them is cut out with each candidate margin, exactly as the service would, and looked
   for again in the crop in the same way as in step 1. The margin whose median coverage is nearest to FER-2013's is
   the one that frames faces alike, whatever habits the detector has, since those are in both figures.
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
# What `measure` found for FER-2013, for an export without framing.json: share of the box's side added on each side.
MARGIN = -0.04
MARGINS = tuple(round(-0.10 + 0.02 * step, 2) for step in range(16))
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
ENLARGED = 4
# Smallest face looked for, in shares of the side: seven shifts that part one of the detector's steps.
SMALLEST = tuple(0.4 * 1.2 ** (shift / 7) for shift in range(7))
# Border around the picture in shares of its side.
BORDER = 0.5
MAX_PIXELS = 50_000_000


@dataclass(frozen=True)
class Found:
    """Where the detector saw the face of one picture; all in shares of the picture's side."""

    coverage: float
    offset_x: float
    offset_y: float


def margin(path: Path, data: Dataset) -> float:
    """The margin that `path` holds if it was measured on this data, else MARGIN for FER-2013 and 0 for others."""
    if path.exists():
        measured = json.loads(path.read_text())
        # Files once named no data, when it was always FER-2013.
        if measured.get("data", FER2013) == data.name:
            return float(measured["margin"])
    return MARGIN if is_fer2013(data.name, data.labels) else 0.0


def measure(data: Dataset, photos: Path, faces: int) -> dict:
    """Both steps; `faces` are taken evenly from the Training split. Plain numbers for JSON."""
    detector, split = HaarDetector(), data.training
    rows = np.linspace(0, len(split) - 1, min(faces, len(split))).astype(int)
    own = [locate(detector, split.faces[row, :, :, 0]) for row in tqdm(rows, desc=data.name, unit="face")]
    wanted = _summary(own)
    crops = _photo_crops(detector, photos)
    candidates = {}
    for share in tqdm(MARGINS, desc="margins", unit="margin"):
        found = [locate(detector, images.crop(grey, box, (SIZE, SIZE), share)) for grey, box in crops]
        candidates[share] = _summary(found)
    best = choose(wanted, candidates)
    return {
        "data": data.name,
        "margin": best,
        "faces": wanted,
        "photos": {"faces": len(crops), "by_margin": {f"{share:.2f}": found for share, found in candidates.items()}},
    }


def choose(wanted: dict, candidates: dict[float, dict]) -> float:
    """The margin whose median coverage is nearest to the wanted one."""
    target = wanted["coverage"]["0.5"]
    return min(candidates, key=lambda share: abs(candidates[share]["coverage"]["0.5"] - target))


def surrounded(grey: np.ndarray) -> np.ndarray:
    """A square picture uint8 (h, h) enlarged, with its border repeated outwards: room for a detector to look in."""
    side = grey.shape[0] * ENLARGED
    large = np.asarray(Image.fromarray(grey).resize((side, side), Image.Resampling.BICUBIC))
    return np.pad(large, round(side * BORDER), mode="edge")


def locate(detector: HaarDetector, grey: np.ndarray) -> Found | None:
    """Look for the one face of a square picture uint8 (h, w), enlarged and with its border repeated outwards."""
    side = grey.shape[0] * ENLARGED
    border = round(side * BORDER)
    padded = surrounded(grey)
    looks = [detector.detect(padded, min_face_px=round(share * side), max_faces=1) for share in SMALLEST]
    boxes = np.array([[look[0].box.x, look[0].box.y, look[0].box.width] for look in looks if look])
    if len(boxes) == 0:
        return None
    x, y, width = (boxes - (border, border, 0)).mean(0) / side
    return Found(coverage=float(width), offset_x=float(x + width / 2 - 0.5), offset_y=float(y + width / 2 - 0.5))


def _photo_crops(detector: HaarDetector, photos: Path) -> list[tuple[np.ndarray, images.Box]]:
    """Every face of every photo: the photo's grey pixels and the box."""
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
    """Share of pictures with a face, and quantiles of the rest."""
    kept = [asdict(one) for one in found if one]
    if not kept:
        raise ValueError("the detector finds no face in any of these pictures, so there is nothing to measure.")
    columns = {
        name: {str(q): round(float(np.quantile([row[name] for row in kept], q)), 4) for q in QUANTILES}
        for name in ("coverage", "offset_x", "offset_y")
    }
    return {"pictures": len(found), "found": len(kept), **columns}


def table(measured: dict) -> str:
    """The figures as lines for the terminal."""
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
