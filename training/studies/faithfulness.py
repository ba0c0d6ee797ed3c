"""Are the explanations true? Curves of the answer's probability as pixels go or come, and shuffled weights.

Deletion and insertion are those of Petsiuk et al. 2018 (RISE), ROAD is that of Rong et al. 2022 (A Consistent and
Efficient Evaluation Strategy for Attribution Methods), the shuffled weights are the model randomisation test of
Adebayo et al. 2018 (Sanity Checks for Saliency Maps).

Pixels are put in order by the answer's map, enlarged as the service enlarges it, hottest first. Where a map says
nothing (large parts of one are 0) a random map of its size decides, so that ties make whole patches as maps do, and
not scattered pixels, which are filled in without loss.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter
from tqdm import tqdm

from service import images
from training.data.dataset import SIZE
from training.studies.imputation import imputed
from training.studies.randomisation import MAX_RANK_CORRELATION, SHUFFLE_FACES, randomisation

Explain = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Faces uint8 (n, 48, 48, 1) to probabilities (n, classes) and heatmaps float32 (n, classes, h, w)."""

BATCH = 256
# Those of Rong et al.: ROAD needs pixels to fill in from, so not all may go. With all of them changed every order is
# the same, so the other curves lose nothing by ending there too.
SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9)
# Insertion starts from this: eyes and mouth are gone, light and dark halves are not.
BLUR_PIXELS = 6.0
RESAMPLES = 2000
CURVES = {
    "deletion": "deletion",
    "insertion": "insertion",
    "road": "ROAD, hottest first",
    "road_coldest": "ROAD, coldest first",
}
# Where a faithful map keeps the answer's probability low, and where high.
_BETTER = {"deletion": -1, "insertion": 1, "road": -1, "road_coldest": 1}
_RIVALS = {"random": "random maps", "blob": "a centred blob"}


def measure(explain: Explain, faces: np.ndarray, model: Path) -> dict:
    """All curves and the shuffled weights of `model`, the file that `explain` runs; plain numbers for JSON."""
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


def passes(result: dict) -> list[str]:
    """The promises that are not kept, in words; none is what there should be."""
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
    """Ours and its rivals as orders of pixels, from the answers' maps (n, h, w); see `hottest_first`.

    A random map of the same size, a blob (whose width is of no account: the order is by distance from the centre),
    and, where there is one, our map at half its size.
    """
    random = np.random.default_rng(0)
    from_centre = np.hypot(*np.meshgrid(*[np.arange(SIZE) - (SIZE - 1) / 2] * 2))
    blob = from_centre.ravel().argsort(kind="stable").argsort().astype(np.int16)
    made = {
        "ours": hottest_first(maps),
        "random": hottest_first(random.random(maps.shape, np.float32)),
        "blob": np.broadcast_to(blob, (len(maps), SIZE * SIZE)),
    }
    if all(side % 2 == 0 for side in maps.shape[1:]):
        made["halved"] = hottest_first(halved(maps))
    return made


def halved(maps: np.ndarray) -> np.ndarray:
    """Maps (n, h, w) with each two by two cells made one, their mean."""
    count, height, width = maps.shape
    return maps.reshape(count, height // 2, 2, width // 2, 2).mean((2, 4))


def hottest_first(maps: np.ndarray) -> np.ndarray:
    """Each pixel's place in its face's order, int16 (n, 48 * 48), 0 the hottest, of maps (n, h, w)."""
    random = np.random.default_rng(1)
    ties = random.random(maps.shape, np.float32)
    places = np.empty((len(maps), SIZE * SIZE), np.int16)
    for place, one, tie in zip(places, maps, ties, strict=True):
        heat, other = (images.enlarge(each, (SIZE, SIZE)).ravel() for each in (one, tie))
        place[np.lexsort((-other, -heat))] = np.arange(SIZE * SIZE)
    return places


# --- curves ------------------------------------------------------------------------------------


def compare(explain: Explain, faces: np.ndarray, answers: np.ndarray, by_name: dict[str, np.ndarray]) -> dict:
    """Every curve for every order of pixels, the area under it, and by how much `ours` leads each other order.

    Areas are means over the shares, so 0..1 like a probability; leads are differences of them, positive where ours is
    the more faithful, with a bootstrap interval over faces.
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
    """Probability of the unchanged face's answer (shares, n) as the share of changed pixels grows."""
    found = []
    for share in SHARES:
        count = round(share * SIZE * SIZE)
        chosen = (places >= SIZE * SIZE - count if curve == "road_coldest" else places < count).reshape(-1, SIZE, SIZE)
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
    """Faces uint8 (n, 48, 48, 1) without what is finer than BLUR_PIXELS."""
    smooth = gaussian_filter(faces.astype(np.float32), (0, BLUR_PIXELS, BLUR_PIXELS, 0))
    return np.rint(smooth).astype(np.uint8)


def _lead(differences: np.ndarray) -> dict:
    """Mean of paired differences (n,) and its 95 % interval from faces drawn again."""
    drawn = np.random.default_rng(2).integers(0, len(differences), (RESAMPLES, len(differences)))
    low, high = np.quantile(differences[drawn].mean(1), (0.025, 0.975))
    return {"mean": float(differences.mean()), "interval_95": [float(low), float(high)]}


def in_batches(explain: Explain, faces: np.ndarray, name: str | None = None) -> tuple[np.ndarray, np.ndarray]:
    starts = tqdm(range(0, len(faces), BATCH), desc=name, unit="batch", disable=name is None)
    parts = [explain(faces[start : start + BATCH]) for start in starts]
    return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])
