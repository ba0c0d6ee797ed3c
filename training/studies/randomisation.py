"""The model randomisation test of Adebayo et al. 2018 (Sanity Checks for Saliency Maps): shuffled weights."""

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from scipy.stats import rankdata
from tqdm import tqdm

from service.classifier import EmotionClassifier
from training.release import golden

SHUFFLES = 5
SHUFFLE_FACES = 200
# Then less than a tenth (0.3 squared) of the variance in rank is explained by the map of the trained weights.
MAX_RANK_CORRELATION = 0.3


def randomisation(model: Path, faces: np.ndarray, answers: np.ndarray, maps: np.ndarray) -> dict:
    """Rank correlation of the answers' maps (n, h, w) with those after shuffling the weights of more and more layers.

    The order is from the linear layer down to the stem, cumulative. `between_faces` is the correlation of the unchanged
    maps of different faces. Plain numbers for JSON.
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
    """Weights and biases that the heatmaps depend on, by part of the network, last part first."""
    tensors = {tensor.name: tensor for tensor in graph.graph.initializer}
    parts: dict[str, list[onnx.TensorProto]] = {"linear": []}
    for node in reversed(graph.graph.node):
        if node.op_type == "Conv":
            for tensor in (tensors[name] for name in node.input[1:]):
                # The linear layer is in the graph as a convolution without the name of a block.
                named = re.search(r"stem|stage\d+_block\d+", tensor.name)
                parts.setdefault(named[0] if named else "linear", []).append(tensor)
    return parts


def shuffled(graph: onnx.ModelProto, seed: int, faces: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Each level of the cascade, with the heatmaps (n, classes, h, w) after it."""
    random = np.random.default_rng(seed)
    changed = onnx.ModelProto()
    changed.CopyFrom(graph)
    # With its own answers in it, the service's code would take the file for damaged.
    golden.remove(changed)
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
    """Spearman's rank correlation of two maps, mean over n pairs (n, h, w); 0 where a map is constant."""
    first, second = (rankdata(maps.reshape(len(maps), -1), axis=1) for maps in (one, other))
    first, second = (ranks - ranks.mean(1, keepdims=True) for ranks in (first, second))
    below = np.sqrt((first**2).sum(1) * (second**2).sum(1))
    return float(np.divide((first * second).sum(1), below, out=np.zeros(len(one)), where=below > 0).mean())
