"""Are the heatmaps faithful? Probability of the answer while pixels are removed or added, and shuffled weights.

Deletion and insertion are from Petsiuk et al. 2018 (RISE), ROAD is from Rong et al. 2022 (A Consistent and Efficient
Evaluation Strategy for Attribution Methods), and the shuffled weights are the model randomisation test of Adebayo et
al. 2018 (Sanity Checks for Saliency Maps).

Pixels are sorted by the heatmap of the answer, enlarged as in the service, highest first. Where a map is constant
(large parts are often 0) a random map of the same size decides. So ties form patches, as in heatmaps; single scattered
pixels could be filled in without any loss.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.stats import bootstrap
from tqdm import tqdm

from service import images
from training.data.dataset import SIZE
from training.studies.imputation import imputed
from training.studies.randomisation import MAX_RANK_CORRELATION, SHUFFLE_FACES, randomisation

Explain = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Faces uint8 (n, 48, 48, 1) to probabilities (n, classes) and heatmaps float32 (n, classes, h, w)."""

BATCH = 256
# Shares of changed pixels, those of Rong et al.: ROAD needs some unchanged pixels to fill in from. The other curves end
# there too; with all pixels changed every order gives the same.
SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9)
# Blur at the start of insertion: eyes and mouth are invisible, a light and a dark half are not.
BLUR_PIXELS = 6.0
RESAMPLES = 2000
CURVES = {
    "deletion": "deletion",
    "insertion": "insertion",
    "road": "ROAD, highest first",
    "road_lowest": "ROAD, lowest first",
}
# -1 where a faithful map gives a low probability of the answer, 1 where it gives a high one.
_BETTER = {"deletion": -1, "insertion": 1, "road": -1, "road_lowest": 1}
_RIVALS = {"random": "random maps", "blob": "a centred blob"}


def measure(explain: Explain, faces: np.ndarray, model: Path) -> dict:
    """All curves and the shuffled weights for faces uint8 (n, 48, 48, 1); plain numbers for JSON.

    `model` is the file that `explain` runs.
    """
    probabilities, heatmaps = in_batches(explain, faces, "faces")
    answers = probabilities.argmax(1)
    maps = heatmaps[np.arange(len(faces)), answers]
    compared = compare(explain, faces, answers, orders(maps))
    rows = np.linspace(0, len(faces) - 1, min(SHUFFLE_FACES, len(faces))).astype(int)
    return {
        "faces": len(faces),
        "map_hw": list(maps.shape[1:]),
        "unchanged": float(probabilities.max(1).mean()),
        "blur_pixels": BLUR_PIXELS,
        **compared,
        "randomisation": randomisation(model, faces[rows], answers[rows], maps[rows]),
    }


def failures(result: dict) -> list[str]:
    """A sentence for each requirement that is not met."""
    broken = []
    for curve, leads in result["lead"].items():
        for rival, words in _RIVALS.items():
            lead, (low, high) = leads[rival]["mean"], leads[rival]["interval_95"]
            # Not `low <= 0`, which NaN would pass.
            if not low > 0:
                broken.append(
                    f"{CURVES[curve]}: our maps are not better than {words} "
                    f"(lead {lead:+.3f}, 95 % interval {low:+.3f} to {high:+.3f})."
                )
    left = result["randomisation"]["levels"][-1]["rank_correlation"]
    if not left <= MAX_RANK_CORRELATION:
        broken.append(
            f"with all weights shuffled the maps' rank correlation with the true ones is {left:.2f}, "
            f"allowed is {MAX_RANK_CORRELATION}."
        )
    return broken


# --- orders ------------------------------------------------------------------------------------


def orders(maps: np.ndarray) -> dict[str, np.ndarray]:
    """Orders of pixels (see `highest_first`) for our maps (n, h, w), and for the maps to compare them with.

    Those are a random map of the same size, a centred blob (pixels sorted by distance from the centre), and our map at
    half its size where that is possible.
    """
    random = np.random.default_rng(0)
    from_centre = np.hypot(*np.meshgrid(*[np.arange(SIZE) - (SIZE - 1) / 2] * 2))
    blob = from_centre.ravel().argsort(kind="stable").argsort().astype(np.int16)
    made = {
        "ours": highest_first(maps),
        "random": highest_first(random.random(maps.shape, np.float32)),
        "blob": np.broadcast_to(blob, (len(maps), SIZE * SIZE)),
    }
    if all(side % 2 == 0 for side in maps.shape[1:]):
        made["halved"] = highest_first(halved(maps))
    return made


def halved(maps: np.ndarray) -> np.ndarray:
    """Maps (n, h / 2, w / 2): the mean of each two by two cells of maps (n, h, w)."""
    count, height, width = maps.shape
    return maps.reshape(count, height // 2, 2, width // 2, 2).mean((2, 4))


def highest_first(maps: np.ndarray) -> np.ndarray:
    """The rank of each pixel, int16 (n, 48 * 48), 0 for the highest, by maps (n, h, w)."""
    random = np.random.default_rng(1)
    ties = random.random(maps.shape, np.float32)
    places = np.empty((len(maps), SIZE * SIZE), np.int16)
    for place, one, tie in zip(places, maps, ties, strict=True):
        heat, other = (images.enlarge(each, (SIZE, SIZE)).ravel() for each in (one, tie))
        place[np.lexsort((-other, -heat))] = np.arange(SIZE * SIZE)
    return places


# --- curves ------------------------------------------------------------------------------------


def compare(explain: Explain, faces: np.ndarray, answers: np.ndarray, by_name: dict[str, np.ndarray]) -> dict:
    """Every curve for every order of pixels, its mean height, and by how much `ours` leads each other order.

    The mean height (`area`, 0..1) is the area under the curve divided by its width. A lead is a difference of two,
    positive where ours is more faithful, with a bootstrap interval over faces.
    """
    jobs = [(curve, name) for curve in CURVES for name in by_name]
    result: dict[str, dict[str, dict]] = {key: {curve: {} for curve in CURVES} for key in ("curves", "area", "lead")}
    areas = {}
    for curve, name in tqdm(jobs, desc="faithfulness", unit="curve"):
        heights = _curve(explain, faces, answers, by_name[name], curve)
        areas[name] = np.trapezoid(heights, SHARES, axis=0) / (SHARES[-1] - SHARES[0])
        result["curves"][curve][name] = heights.mean(1).tolist()
        result["area"][curve][name] = float(areas[name].mean())
        if name != "ours":
            result["lead"][curve][name] = _lead(_BETTER[curve] * (areas["ours"] - areas[name]))
    return {"shares": list(SHARES), **result}


def _curve(explain: Explain, faces: np.ndarray, answers: np.ndarray, places: np.ndarray, curve: str) -> np.ndarray:
    """Probability of the unchanged face's answer, (shares, n), for each share of changed pixels."""
    found = []
    for share in SHARES:
        count = round(share * SIZE * SIZE)
        chosen = (places >= SIZE * SIZE - count if curve == "road_lowest" else places < count).reshape(-1, SIZE, SIZE)
        if curve == "deletion":
            changed = greyed(faces, chosen)
        elif curve == "insertion":
            changed = np.where(chosen[..., None], faces, blurred(faces))
        else:
            changed = imputed(faces, chosen)
        found.append(in_batches(explain, changed)[0][np.arange(len(faces)), answers])
    return np.stack(found)


def greyed(faces: np.ndarray, removed: np.ndarray) -> np.ndarray:
    """Faces uint8 (n, 48, 48, 1) with the pixels of a mask (n, 48, 48) in each face's own mean grey."""
    return np.where(removed[..., None], np.rint(faces.mean((1, 2, 3), keepdims=True)).astype(np.uint8), faces)


def blurred(faces: np.ndarray) -> np.ndarray:
    """Faces uint8 (n, 48, 48, 1) after a Gaussian blur of BLUR_PIXELS."""
    smooth = gaussian_filter(faces.astype(np.float32), (0, BLUR_PIXELS, BLUR_PIXELS, 0))
    return np.rint(smooth).astype(np.uint8)


def _lead(differences: np.ndarray) -> dict:
    """Mean of paired differences (n,) and its 95 % percentile bootstrap interval (Efron 1979)."""
    found = bootstrap((differences,), np.mean, n_resamples=RESAMPLES, method="percentile", rng=np.random.default_rng(2))
    low, high = found.confidence_interval
    return {"mean": float(differences.mean()), "interval_95": [float(low), float(high)]}


def in_batches(explain: Explain, faces: np.ndarray, name: str | None = None) -> tuple[np.ndarray, np.ndarray]:
    starts = tqdm(range(0, len(faces), BATCH), desc=name, unit="batch", disable=name is None)
    parts = [explain(faces[start : start + BATCH]) for start in starts]
    return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])
