"""EmotionClassifier: the ONNX session, and the contract that the file's metadata state."""

import hashlib
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .golden import Golden
from .sessions import InferenceSession, open_session

_OUTPUTS = ("probabilities", "heatmaps")
_VOTES_OUTPUTS = ("votes", "votes_heatmaps")


# float32 rounding in a sum of a thousand labels.
_MOST_OFF_ONE = 1e-3


class ModelError(Exception):
    """The file cannot be used; the message names the file and what it lacks."""


@dataclass(frozen=True)
class VotesHead:
    """What a file says of its votes head: whose votes it predicts, and what it was measured at."""

    source: str
    temperature: float
    metrics: dict[str, Any]


@dataclass(frozen=True)
class Contract:
    """What a model file says of itself. The service knows nothing else about the network.

    `size_wh` are the pixels of its input, `heatmap_wh` those of its heatmaps. `crop_margin` is the share of the face
    box's longer side that a crop adds on every side. `votes` is None for a file without a votes head.
    """

    labels: tuple[str, ...]
    size_wh: tuple[int, int]
    sha256: str
    name: str
    version: str
    data_sha256: str
    code_version: str
    seed: str
    metrics: dict[str, Any]
    temperature: float
    prediction_set_threshold: float
    crop_margin: float
    heatmap_layer: str
    heatmap_wh: tuple[int, int]
    licence: str
    created: str
    votes: VotesHead | None = None
    has_golden_face: bool = False
    """Whether the file's answers were compared with those at its export."""


@dataclass(frozen=True)
class Reading:
    """The network's answers for n faces: probabilities float64 (n, classes), heatmaps float32 (n, classes, h, w).

    Each row of probabilities sums to 1; heatmaps are at least 0 and have no upper bound. `votes` and `votes_heatmaps`
    have the same shapes: the share of voters who would choose each label. They are None without a votes head.
    """

    probabilities: NDArray[np.float64]
    heatmaps: NDArray[np.float32]
    votes: NDArray[np.float64] | None = None
    votes_heatmaps: NDArray[np.float32] | None = None


class EmotionClassifier:
    """Runs one ONNX file. Safe for many threads, as ONNX Runtime's sessions are.

    Raises ModelError at construction for a file that is missing, is not ONNX, or lacks what is needed.
    """

    def __init__(self, path: Path, *, threads: int = 1, content: bytes | None = None) -> None:
        """`content` are the file's bytes where they were read before; else they are read from `path`."""
        content = read_model(path) if content is None else content
        self._path = path
        self._session = _open(content, path, threads)
        self.contract = _read_contract(self._session, content, path)
        self.warm_up_ms = self._warm_up()

    def classify(self, faces: NDArray[np.uint8]) -> Reading:
        """Classify grey faces, uint8 (n, height, width, 1) of the contract's size, in one run; n may be 0.

        Raises ModelError where the network's answers are no probabilities: its file is damaged, or made wrongly.
        """
        has_votes = self.contract.votes is not None
        if len(faces) == 0:
            classes, (width, height) = len(self.contract.labels), self.contract.heatmap_wh
            shares, maps = np.zeros((0, classes)), np.zeros((0, classes, height, width), np.float32)
            return Reading(shares, maps, shares, maps) if has_votes else Reading(shares, maps)
        names = (*_OUTPUTS, *_VOTES_OUTPUTS) if has_votes else _OUTPUTS
        found = [np.asarray(output) for output in self._session.run(names, {"faces": faces})]
        for name, output in zip(names, found, strict=True):
            # Once more than the rest: a sum shows what is not finite at once.
            if not np.isfinite(output.sum()):
                raise ModelError(f"{self._path} is damaged: its output {name!r} has values that are no numbers.")
        votes = (self._exact("votes", found[2]), found[3]) if has_votes else (None, None)
        return Reading(self._exact("probabilities", found[0]), found[1], *votes)

    def golden(self, face: NDArray[np.uint8], tolerance: float) -> Golden:
        """This file's answers to a face uint8 (height, width, 1), for its own metadata."""
        return Golden(face, *_answers(self.classify(face[None])), tolerance)

    def _exact(self, name: str, shares: NDArray[np.float32]) -> NDArray[np.float64]:
        """Rows that sum to one, as promised; float32 rounding leaves their sums a few 1e-8 off."""
        exact: NDArray[np.float64] = shares.astype(np.float64)
        sums = exact.sum(axis=1, keepdims=True)
        if exact.min() < 0 or abs(sums - 1).max() > _MOST_OFF_ONE:
            raise ModelError(f"{self._path} is damaged: its output {name!r} is no probabilities that sum to one.")
        exact /= sums
        return exact

    def _warm_up(self) -> float:
        """Milliseconds of a first run: it allocates, and no client should have to wait for that."""
        width, height = self.contract.size_wh
        metadata = self._session.get_modelmeta().custom_metadata_map
        try:
            text = metadata.get("golden")
            golden = None if text is None else Golden.from_metadata(text, self.contract.size_wh)
        except (ValueError, KeyError, TypeError) as error:
            raise ModelError(f"{self._path} has a golden face that cannot be read.") from error
        face = np.zeros((height, width, 1), np.uint8) if golden is None else golden.face
        started = time.perf_counter()
        try:
            reading = self.classify(face[None])
        except ModelError:
            raise
        except Exception as error:  # ONNX Runtime's own classes have no common base
            raise ModelError(f"{self._path} cannot be run: {str(error).partition(chr(10))[0]}") from error
        elapsed_ms = (time.perf_counter() - started) * 1000
        self._check_shapes(reading)
        if golden is not None and (reason := golden.difference(*_answers(reading))):
            raise ModelError(f"{self._path} is damaged: {reason}.")
        return elapsed_ms

    def _check_shapes(self, reading: Reading) -> None:
        labels, answers = len(self.contract.labels), reading.probabilities.shape[1]
        if len(set(self.contract.labels)) != answers or labels != answers:
            raise ModelError(
                f"{self._path} names {', '.join(self.contract.labels)} and answers with {answers} probabilities."
            )
        if reading.votes is not None and reading.votes.shape != reading.probabilities.shape:
            raise ModelError(f"{self._path} answers with {answers} probabilities and {reading.votes.shape[1]} votes.")
        width, height = self.contract.heatmap_wh
        for maps in (reading.heatmaps, reading.votes_heatmaps):
            if maps is not None and maps.shape != (1, answers, height, width):
                raise ModelError(f"{self._path} answers with heatmaps {maps.shape[1:]} for {answers} labels.")


def _answers(reading: Reading) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """The answers to one face, as a Golden has them: shares, and the means of heatmaps."""
    shares = {"probabilities": reading.probabilities, "votes": reading.votes}
    maps = {"heatmaps": reading.heatmaps, "votes_heatmaps": reading.votes_heatmaps}
    return (
        {name: values[0].tolist() for name, values in shares.items() if values is not None},
        {name: values[0].mean(axis=(1, 2)).tolist() for name, values in maps.items() if values is not None},
    )


def read_model(path: Path, remedy: str = "train a model with `make train` or set FER_MODEL") -> bytes:
    """The bytes of a model file. Raises ModelError where there is none."""
    if not path.is_file():
        raise ModelError(f"{path} does not exist; {remedy}.")
    return path.read_bytes()


def _open(content: bytes, path: Path, threads: int) -> InferenceSession:
    try:
        return open_session(content, threads=threads)
    except Exception as error:  # ONNX Runtime's own classes have no common base
        raise ModelError(
            f"{path} is not an ONNX file that this ONNX Runtime reads; it may be damaged or cut short."
        ) from error


def _read_contract(session: InferenceSession, content: bytes, path: Path) -> Contract:
    outputs = {output.name: output.shape for output in session.get_outputs()}
    inputs = {given.name: given for given in session.get_inputs()}
    try:
        metadata = session.get_modelmeta().custom_metadata_map
    except UnicodeDecodeError as error:
        raise ModelError(f"{path} has metadata that are no text; it may be damaged.") from error
    # A votes head is not required, but half of one is a fault.
    has_votes = "votes" in metadata or not outputs.keys().isdisjoint(_VOTES_OUTPUTS)
    needed = (*_OUTPUTS, *_VOTES_OUTPUTS) if has_votes else _OUTPUTS
    missing = [f"output {name!r}" for name in needed if name not in outputs]
    missing += [] if set(inputs) == {"faces"} else ["the one input 'faces'"]
    if "plausible_threshold" in metadata:
        # Its name in files exported before version 0.2.
        metadata["prediction_set_threshold"] = metadata.pop("plausible_threshold")
    not_metadata = {"size_wh", "sha256", "heatmap_wh", "has_golden_face", *(() if has_votes else ("votes",))}
    wanted = [name for name in Contract.__dataclass_fields__ if name not in not_metadata]
    missing += [f"metadata {name!r}" for name in wanted if name not in metadata]
    if missing:
        raise ModelError(f"{path} lacks {', '.join(missing)}; export it with `make export`.")
    faces = inputs["faces"]
    if faces.type != "tensor(uint8)" or not _has_sizes(faces.shape) or faces.shape[3] != 1:
        raise ModelError(f"{path}: input 'faces' is {faces.type} {faces.shape} instead of uint8 (n, height, width, 1).")
    if not _has_sizes(outputs["heatmaps"]):
        raise ModelError(f"{path}: output 'heatmaps' is {outputs['heatmaps']} instead of (n, classes, height, width).")
    try:
        return Contract(
            labels=tuple(json.loads(metadata["labels"])),
            size_wh=(int(faces.shape[2]), int(faces.shape[1])),
            heatmap_wh=(int(outputs["heatmaps"][3]), int(outputs["heatmaps"][2])),
            sha256=hashlib.sha256(content).hexdigest(),
            metrics=json.loads(metadata["metrics"]),
            temperature=float(metadata["temperature"]),
            prediction_set_threshold=float(metadata["prediction_set_threshold"]),
            crop_margin=float(metadata["crop_margin"]),
            **{
                name: metadata[name]
                for name in ("name", "version", "data_sha256", "code_version", "seed", "licence", "created")
            },
            heatmap_layer=metadata["heatmap_layer"],
            votes=VotesHead(**json.loads(metadata["votes"])) if has_votes else None,
            has_golden_face="golden" in metadata,
        )
    except (ValueError, TypeError) as error:
        raise ModelError(f"{path} has metadata that cannot be read: {error}.") from error


def _has_sizes(shape: list[int | str]) -> bool:
    """True for four dimensions of which only the first, the number of faces, is open."""
    return len(shape) == 4 and all(isinstance(size, int) and size > 0 for size in shape[1:])
