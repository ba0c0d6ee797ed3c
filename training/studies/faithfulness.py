"""Are the explanations true? Curves of the answer's probability as pixels go or come, and shuffled weights.

Deletion and insertion are those of Petsiuk et al. 2018 (RISE), ROAD is that of Rong et al. 2022 (A Consistent and
Efficient Evaluation Strategy for Attribution Methods), the shuffled weights are the model randomisation test of
Adebayo et al. 2018 (Sanity Checks for Saliency Maps).

Pixels are put in order by the answer's map, enlarged as the service enlarges it, hottest first. Where a map says
nothing (large parts of one are 0) a random map of its size decides, so that ties make whole patches as maps do, and
not scattered pixels, which are filled in without loss.
"""

import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import onnx
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy import sparse
from scipy.linalg import solveh_banded
from scipy.ndimage import gaussian_filter
from scipy.stats import rankdata
from tqdm import tqdm

from service import images
from service.classifier import EmotionClassifier
from training.data.dataset import SIZE
from training.release.figures import BLUE, INK, ORANGE, RED, SOFT, STYLE, TEAL

Explain = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Faces uint8 (n, 48, 48, 1) to probabilities (n, classes) and heatmaps float32 (n, classes, h, w)."""

BATCH = 256
# Those of Rong et al.: ROAD needs pixels to fill in from, so not all may go. With all of them changed every order is
# the same, so the other curves lose nothing by ending there too.
SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9)
# Insertion starts from this: eyes and mouth are gone, light and dark halves are not.
BLUR_PIXELS = 6.0
# Rong et al. add noise of a hundredth of the grey scale, so that what was filled in cannot be told by its smoothness.
NOISE = 2.55
RESAMPLES = 2000
SHUFFLES = 5
SHUFFLE_FACES = 200
# Under a tenth (0.3 squared) of the order of a map's cells is then left of what the trained weights gave.
MAX_RANK_CORRELATION = 0.3
CURVES = {
    "deletion": "deletion",
    "insertion": "insertion",
    "road": "ROAD, hottest first",
    "road_coldest": "ROAD, coldest first",
}
# Where a faithful map keeps the answer's probability low, and where high.
_BETTER = {"deletion": -1, "insertion": 1, "road": -1, "road_coldest": 1}
_RIVALS = {"random": "random maps", "blob": "a centred blob"}
_COLOURS = {"ours": BLUE, "halved": TEAL, "random": SOFT, "blob": ORANGE}


def measure(explain: Explain, faces: np.ndarray, model: Path) -> dict:
    """All curves and the shuffled weights of `model`, the file that `explain` runs; plain numbers for JSON."""
    probabilities, heatmaps = _in_batches(explain, faces, "faces")
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
        found.append(_in_batches(explain, changed)[0][np.arange(len(faces)), answers])
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


def _in_batches(explain: Explain, faces: np.ndarray, name: str | None = None) -> tuple[np.ndarray, np.ndarray]:
    starts = tqdm(range(0, len(faces), BATCH), desc=name, unit="batch", disable=name is None)
    parts = [explain(faces[start : start + BATCH]) for start in starts]
    return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])


# --- ROAD's filling ----------------------------------------------------------------------------


def imputed(faces: np.ndarray, removed: np.ndarray) -> np.ndarray:
    """Faces uint8 (n, h, w, 1) with the pixels of a mask (n, h, w) filled in from around them, and noise on those.

    At least one pixel of each face has to be left.
    """
    noise = NOISE * np.random.default_rng(3).standard_normal(removed.shape)
    filled = fill(faces[..., 0], removed) + np.where(removed, noise, 0)
    return np.rint(filled).clip(0, 255).astype(np.uint8)[..., None]


def fill(grey: np.ndarray, removed: np.ndarray) -> np.ndarray:
    """Each removed pixel becomes the weighted mean of its eight neighbours, removed or not; float64 (n, h, w).

    Neighbours beside a pixel weigh twice those across a corner (1/6 and 1/12, Rong et al. 2022), those outside the
    picture nothing. The sparse linear system is symmetric positive definite, and its band no wider than a line of
    pixels: a banded Cholesky solution takes a quarter of the time of the general sparse one.
    """
    height, width = grey.shape[1:]
    weights = _neighbours(height, width)
    total = weights.sum(1)
    # The lower half of the matrix, by distance from the diagonal.
    bands = {k: np.append(weights.diagonal(k), np.zeros(k)) for k in (1, width - 1, width, width + 1)}
    filled = []
    for face, mask in zip(grey.reshape(len(grey), -1), removed.reshape(len(grey), -1), strict=True):
        known = np.where(mask, 0.0, face)
        # What is known is an equation too (x = known), so that every face has the same band.
        matrix = np.zeros((width + 2, mask.size))
        matrix[0] = np.where(mask, total, 1)
        for k, band in bands.items():
            matrix[k, :-k] = -band[:-k] * (mask[:-k] & mask[k:])
        filled.append(solveh_banded(matrix, np.where(mask, known @ weights, known), lower=True))
    return np.stack(filled).reshape(grey.shape)


def _neighbours(height: int, width: int) -> sparse.csr_array:
    """Weights (pixels, pixels) between each pixel and its eight neighbours."""
    down, across = (
        sparse.diags_array([np.ones(side - 1)] * 2, offsets=(-1, 1), shape=(side, side)) for side in (height, width)
    )
    beside = sparse.kron(down, sparse.eye_array(width)) + sparse.kron(sparse.eye_array(height), across)
    return sparse.csr_array(beside / 6 + sparse.kron(down, across) / 12)


# --- shuffled weights --------------------------------------------------------------------------


def randomisation(model: Path, faces: np.ndarray, answers: np.ndarray, maps: np.ndarray) -> dict:
    """How like their true selves the answers' maps (n, h, w) stay as ever more layers' weights are shuffled.

    From the linear layer down, each level on top of those before. `between_faces` is what two true maps of different
    faces have in common.
    """
    graph = onnx.load(model)
    alike: dict[str, list[float]] = {level: [] for level in layers(graph)}
    for seed in tqdm(range(SHUFFLES), desc="shuffled weights", unit="seed"):
        for level, heatmaps in shuffled(graph, seed, faces):
            alike[level].append(rank_correlation(maps, heatmaps[np.arange(len(faces)), answers]))
    return {
        "faces": len(faces),
        "seeds": SHUFFLES,
        "between_faces": rank_correlation(maps, np.roll(maps, 1, axis=0)),
        "levels": [{"shuffled_down_to": level, "rank_correlation": float(np.mean(alike[level]))} for level in alike],
    }


def layers(graph: onnx.ModelProto) -> dict[str, list[onnx.TensorProto]]:
    """Weights and biases that the heatmaps come from by part of the network, the last part first."""
    tensors = {tensor.name: tensor for tensor in graph.graph.initializer}
    parts: dict[str, list[onnx.TensorProto]] = {"linear": []}
    for node in reversed(graph.graph.node):
        if node.op_type == "Conv":
            for tensor in (tensors[name] for name in node.input[1:]):
                # The linear layer makes heatmaps as a convolution that has no block's name.
                named = re.search(r"stem|stage\d+_block\d+", tensor.name)
                parts.setdefault(named[0] if named else "linear", []).append(tensor)
    return parts


def shuffled(graph: onnx.ModelProto, seed: int, faces: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Each level of the cascade with the heatmaps (n, classes, h, w) that the network gives then."""
    random = np.random.default_rng(seed)
    changed = onnx.ModelProto()
    changed.CopyFrom(graph)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "shuffled.onnx"
        for level, tensors in layers(changed).items():
            for tensor in tensors:
                values = onnx.numpy_helper.to_array(tensor)
                mixed = random.permutation(values.ravel()).reshape(values.shape)
                tensor.CopyFrom(onnx.numpy_helper.from_array(mixed, tensor.name))
            onnx.save(changed, file)
            yield level, EmotionClassifier(file).classify(faces).heatmaps


def rank_correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Spearman's between the cells of two maps, mean over n pairs (n, h, w); 0 where a map is flat."""
    first, second = (rankdata(maps.reshape(len(maps), -1), axis=1) for maps in (one, other))
    first, second = (ranks - ranks.mean(1, keepdims=True) for ranks in (first, second))
    below = np.sqrt((first**2).sum(1) * (second**2).sum(1))
    return float(np.divide((first * second).sum(1), below, out=np.zeros(len(one)), where=below > 0).mean())


# --- picture -----------------------------------------------------------------------------------


_DELETION = "share of pixels in the face's mean grey (%)\nfaithful maps keep the curve low"
_INSERTION = "share of pixels back in the blurred face (%)\nfaithful maps lift the curve"
_ROAD = (
    "share of pixels filled in (%); faithful maps keep the curve low with\n"
    "the hottest first (full line), high with the coldest first (dashed)"
)


def figure(result: dict) -> Figure:
    """The three kinds of curves and the shuffled weights."""
    with mpl.rc_context(STYLE):
        drawn, axes = plt.subplots(2, 2, figsize=(11, 8.6))
        panels = (
            ({"deletion": "-"}, "Deletion: the hottest pixels greyed first", _DELETION),
            ({"insertion": "-"}, "Insertion: the hottest pixels back first", _INSERTION),
            ({"road": "-", "road_coldest": "--"}, "ROAD: pixels filled in from around them", _ROAD),
        )
        for axis, (curves, title, across) in zip(axes.flat, panels, strict=False):
            _panel(axis, result, curves)
            axis.set_title(title)
            axis.set_xlabel(across)
        _levels(axes[1, 1], result["randomisation"])
    return drawn


def _panel(axis: Axes, result: dict, curves: dict[str, str]) -> None:
    """Curves, each in its own kind of line, for every order; the legend gives their mean heights."""
    heights: dict[str, list[str]] = {}
    shares = 100 * np.array(result["shares"])
    for curve, line in curves.items():
        for name, values in result["curves"][curve].items():
            axis.plot(shares, 100 * np.array(values), line, color=_COLOURS[name], lw=2.4 if name == "ours" else 1.6)
            heights.setdefault(name, []).append(f"{100 * result['area'][curve][name]:.1f}")
    height, width = result["map_hw"]
    words = {
        "ours": f"our maps, {height}x{width}",
        "halved": f"ours at {height // 2}x{width // 2}",
        "random": "random maps",
        "blob": "centred blob",
    }
    marks = [Line2D([], [], color=_COLOURS[name], lw=2.4) for name in heights]
    axis.legend(marks, [f"{words[name]}: {', '.join(found)}" for name, found in heights.items()], title="mean height")
    # Room for the legend above the curves.
    axis.set_ylim(0, 112)
    axis.set_yticks(range(0, 101, 20))
    axis.set_ylabel("probability of the answer (%)")
    axis.yaxis.grid(True)


def _levels(axis: Axes, found: dict) -> None:
    """Rank correlation with the true maps as the cascade goes down."""
    names = [level["shuffled_down_to"].replace("_", " ") for level in found["levels"]]
    values = [level["rank_correlation"] for level in found["levels"]]
    bars = axis.barh([names[0], *(f"down to {name}" for name in names[1:])], values, 0.6, color=BLUE)
    axis.bar_label(bars, fmt="%.2f", padding=3, fontsize=9)
    axis.axvline(0, color=INK, lw=0.8)
    axis.axvline(found["between_faces"], color=INK, lw=1.2, ls=":", label="two different faces' true maps")
    axis.axvline(MAX_RANK_CORRELATION, color=RED, lw=1.2, label=f"most allowed at the end: {MAX_RANK_CORRELATION}")
    axis.invert_yaxis()
    axis.set_xlim(min(-0.15, *(value - 0.15 for value in values)), 1)
    axis.set_xlabel(f"rank correlation with the true maps;\n{found['faces']} faces, {found['seeds']} shuffles")
    axis.legend(loc="lower right", frameon=True, framealpha=1, edgecolor="white")
    axis.set_title("Weights shuffled from the top")
