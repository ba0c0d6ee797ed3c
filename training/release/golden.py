"""Writes a golden face into a model file: with it the service finds out that a file was damaged (service/golden.py)."""

from pathlib import Path

import numpy as np
import onnx

from service.classifier import EmotionClassifier

# What probabilities may differ by between processors; quantised networks round at other places there.
TOLERANCE = 0.01
TOLERANCE_INT8 = 0.05
_BLOCKS = 6
_NOISE = 12.0


def write(path: Path, tolerance: float = TOLERANCE) -> None:
    """Add `golden` to the file's metadata, or replace it. Nothing else of the file changes."""
    graph = onnx.load(path)
    remove(graph)
    onnx.save(graph, path)
    classifier = EmotionClassifier(path)
    golden = classifier.golden(face(classifier.contract.size_wh), tolerance)
    graph.metadata_props.add(key="golden", value=golden.to_metadata())
    onnx.save(graph, path)


def remove(graph: onnx.ModelProto) -> None:
    """A file without a golden face is not compared with one."""
    others = {entry.key: entry.value for entry in graph.metadata_props if entry.key != "golden"}
    onnx.helper.set_model_props(graph, others)


def face(size_wh: tuple[int, int]) -> np.ndarray:
    """A picture that is nobody's face: blocks of random greys and noise, uint8 (height, width, 1).

    The network is sure of no label there, so that its answer depends on all of its weights.
    """
    random, (width, height) = np.random.default_rng(0), size_wh
    side = -(-max(size_wh) // _BLOCKS)
    blocks = np.kron(random.integers(40, 216, (_BLOCKS, _BLOCKS)), np.ones((side, side)))[:height, :width]
    return np.clip(blocks + random.normal(0, _NOISE, blocks.shape), 0, 255).astype(np.uint8)[..., None]
