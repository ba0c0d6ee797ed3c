"""Analyzer: what every transport does with one image: decode, detect, crop, classify, explain."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from . import images
from .classifier import Contract, EmotionClassifier, Reading
from .detectors import near
from .detectors.available import Detectors, load_detectors
from .detectors.base import Detection, Expected
from .images import Box, Grey
from .problems import InvalidOption
from .settings import MAX_PIXELS, DetectorChoice, available_cpus, default_model

# Of FER-2013's training faces, two in a hundred are darker than this, two brighter and two less sharp;
# a face beyond these is unlike what the network has learned from.
DARK, BRIGHT, BLURRED = 0.24, 0.77, 530.0


Head = Literal["emotions", "votes"]
"""The heads of the network, by the members of a result that hold their answers."""


@dataclass(frozen=True)
class Options:
    """What a client asks for; `service.schemas.PredictOptions` describes each option."""

    explain: Literal["none", "gradcam"] = "none"
    heatmap: Literal["map", "overlay"] = "map"
    target: str = "top"
    head: Head = "emotions"
    max_faces: int = 10
    min_face_px: int | None = None
    crop: Literal["detect", "whole"] = "detect"
    detector: DetectorChoice | None = None


DEFAULT_OPTIONS = Options()


@dataclass(frozen=True)
class Explanation:
    """An encoded heatmap for one label, of `size_wh` pixels; `box` is the square of the image that it covers.

    The square may reach past the edges of the image. It is turned clockwise by `degrees` about its centre. `peak` is
    the map's highest value before it was stretched to the full range of grey.
    """

    head: Head
    target: str
    media_type: str
    size_wh: tuple[int, int]
    box: Box
    degrees: float
    peak: float
    data: bytes


@dataclass(frozen=True)
class Face:
    """One face and what the network answers for it.

    `probabilities` is float64 (labels,) in the order of `labels` and sums to 1. `prediction_set` are the indices of
    the labels that hold the true one at the coverage the model file was fitted for, most probable first; never empty.
    `votes` has the same shape: the predicted share of voters for each label; None where the file has no votes head.
    `detector` is None where nothing was looked for, `track_id` outside streams and videos.
    """

    labels: tuple[str, ...]
    detection: Detection
    detector: str | None
    probabilities: NDArray[np.float64]
    prediction_set: tuple[int, ...]
    sharpness: float
    brightness: float
    warnings: tuple[str, ...]
    explanations: tuple[Explanation, ...]
    track_id: int | None = None
    votes: NDArray[np.float64] | None = None

    @property
    def box(self) -> Box:
        return self.detection.box

    @property
    def emotion(self) -> str:
        """The most probable label."""
        return self.labels[int(self.probabilities.argmax())]

    @property
    def confidence(self) -> float:
        """The probability of `emotion`."""
        return float(self.probabilities.max())

    @property
    def shares(self) -> NDArray[np.float64]:
        """The answers of all heads, float64 (heads, labels): the probabilities, then the votes if there are any."""
        return np.stack([self.probabilities] if self.votes is None else [self.probabilities, self.votes])

    def with_shares(self, shares: NDArray[np.float64], prediction_set_threshold: float) -> "Face":
        """The same face with other `shares`."""
        probabilities, *votes = shares
        chosen = prediction_set(probabilities, prediction_set_threshold)
        return replace(self, probabilities=probabilities, prediction_set=chosen, votes=votes[0] if votes else None)


@dataclass(frozen=True)
class Analysis:
    """An image's size, its faces (largest first), and milliseconds by stage.

    Faces were searched for from a width of `searched_from_px` pixels on; None where nothing was searched for.
    `everywhere` is False where they were searched for near those of the frame before alone. `shadow` has the labels
    that a shadow model gives the same faces; it is empty without one.
    """

    size_wh: tuple[int, int]
    faces: tuple[Face, ...]
    searched_from_px: int | None
    timing_ms: dict[str, float]
    everywhere: bool = True
    shadow: tuple[str, ...] = ()


@dataclass
class _Stopwatch:
    """Milliseconds between two calls of `lap`, by name."""

    laps: dict[str, float] = field(default_factory=dict)
    _last: float = field(default_factory=time.perf_counter)

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps[name] = (now - self._last) * 1000
        self._last = now


class Analyzer:
    """Analyses one image at a time. Safe for many threads; keeps nothing."""

    def __init__(
        self,
        detectors: Detectors,
        classifier: EmotionClassifier,
        *,
        max_pixels: int,
        shadow: EmotionClassifier | None = None,
    ) -> None:
        """`shadow` reads the same faces; what it says is no part of any face."""
        self.detectors = detectors
        self._classifier, self._shadow = classifier, shadow
        self._max_pixels = max_pixels

    def analyse(self, body: bytes, options: Options = Options(), expected: Sequence[Expected] = ()) -> Analysis:
        """The faces of a JPEG, PNG or WebP file. Raises the problems of `images.decode`, and InvalidOption.

        `expected` is for a frame of a stream: where the faces of the frame before should be in this one. It is searched
        near them alone if all of them are found again.
        """
        check_explained(options.target, options.head, self.contract)
        self.detectors.chosen(options.detector)
        watch = _Stopwatch()
        image = images.decode(body, max_pixels=self._max_pixels)
        watch.lap("decode")
        return self._analyse(image, options, watch, expected)

    def analyse_image(self, image: images.Image, options: Options) -> Analysis:
        """The faces of an image that is decoded already, such as a video's frame. The options were checked before."""
        return self._analyse(image, options, _Stopwatch(), ())

    @property
    def contract(self) -> Contract:
        """The contract of the classifier's model file."""
        return self._classifier.contract

    def _analyse(
        self, image: images.Image, options: Options, watch: _Stopwatch, expected: Sequence[Expected]
    ) -> Analysis:
        found = self._detect_near(image, options, expected)
        everywhere = found is None
        if found is None:
            found = self._detect(image, options)
        watch.lap("detect")
        margin = 0.0 if options.crop == "whole" else self.contract.crop_margin
        crops = _crops(image, found, self.contract, margin)
        reading = self._classifier.classify(crops[..., None])
        watch.lap("infer")
        faces = []
        for index, (detection, crop) in enumerate(zip(found, crops, strict=True)):
            face = self._face(detection, crop, reading, index, options)
            heatmaps = reading.heatmaps if options.head == "emotions" else reading.votes_heatmaps
            # `check_explained` has refused the votes head of a file that has none.
            explanations = () if heatmaps is None else self._explain(image.grey, face, margin, heatmaps[index], options)
            faces.append(replace(face, explanations=explanations))
        watch.lap("explain")
        searched_from_px, shadow = self._searched_from_px(image, options), self._shadow_labels(image, found, options)
        return Analysis(image.size_wh, tuple(faces), searched_from_px, watch.laps, everywhere, shadow)

    def _shadow_labels(self, image: images.Image, found: Sequence[Detection], options: Options) -> tuple[str, ...]:
        """The shadow model's label of each face; its crops are its own."""
        if self._shadow is None:
            return ()
        contract = self._shadow.contract
        crops = _crops(image, found, contract, 0.0 if options.crop == "whole" else contract.crop_margin)
        answers = self._shadow.classify(crops[..., None]).probabilities
        return tuple(contract.labels[index] for index in answers.argmax(1))

    def _detect(self, image: images.Image, options: Options) -> list[Detection]:
        if options.crop == "whole":
            return [Detection(image.box)]
        detector = self.detectors.chosen(options.detector)
        return detector.detect(image.grey, max_faces=options.max_faces, min_face_px=options.min_face_px)

    def _detect_near(
        self, image: images.Image, options: Options, expected: Sequence[Expected]
    ) -> list[Detection] | None:
        """The faces near the expected ones; None where one is not found again, or none is expected."""
        if options.crop == "whole" or not expected:
            return None
        detector = self.detectors.chosen(options.detector)
        found = detector.detect_near(image.grey, expected, max_faces=options.max_faces, min_face_px=options.min_face_px)
        return found if found is not None and near.all_found(expected, found) else None

    def _searched_from_px(self, image: images.Image, options: Options) -> int | None:
        if options.crop == "whole":
            return None
        return math.ceil(self.detectors.chosen(options.detector).smallest_px(image.size_wh, options.min_face_px))

    def _face(self, detection: Detection, crop: Grey, reading: Reading, index: int, options: Options) -> Face:
        """The face of one row of the reading."""
        contract = self.contract
        probabilities = reading.probabilities[index]
        sharpness, brightness = images.sharpness(crop), images.brightness(crop)
        return Face(
            labels=contract.labels,
            detection=detection,
            detector=self.detectors.chosen(options.detector).name if options.crop == "detect" else None,
            probabilities=probabilities,
            prediction_set=prediction_set(probabilities, contract.prediction_set_threshold),
            sharpness=sharpness,
            brightness=brightness,
            warnings=_warnings(detection.square, contract.size_wh, sharpness, brightness),
            explanations=(),
            votes=None if reading.votes is None else reading.votes[index],
        )

    def _explain(
        self, grey: Grey, face: Face, margin: float, heatmaps: NDArray[np.float32], options: Options
    ) -> tuple[Explanation, ...]:
        """The heatmaps float32 (labels, height, width) that the options ask for, encoded."""
        x, y, side = images.framed(face.detection.square, margin)
        degrees = face.detection.degrees
        explanations = []
        for label in _targets(face, options):
            heatmap = heatmaps[face.labels.index(label)]
            if options.heatmap == "overlay":
                media_type, size_wh = "image/jpeg", (images.OVERLAY_SIDE, images.OVERLAY_SIDE)
                cut = images.cut(grey, face.detection.square, margin, degrees)
                data = images.encode_overlay(cut, heatmap)
            else:
                media_type, size_wh = "image/png", self.contract.size_wh
                data = images.encode_map(heatmap, size_wh)
            square = Box(x, y, side, side)
            peak = float(heatmap.max())
            explanations.append(Explanation(options.head, label, media_type, size_wh, square, degrees, peak, data))
        return tuple(explanations)


def _crops(image: images.Image, found: Sequence[Detection], contract: Contract, margin: float) -> NDArray[np.uint8]:
    """The faces as a model of this contract reads them: grey, (faces, height, width)."""
    width, height = contract.size_wh
    crops = np.zeros((len(found), height, width), np.uint8)
    for index, each in enumerate(found):
        crops[index] = images.crop(image.grey, each.square, contract.size_wh, margin, each.degrees)
    return crops


def load_analyzer(
    model: Path | None = None,
    *,
    threads: int | None = None,
    max_pixels: int = MAX_PIXELS,
    detector: DetectorChoice = "haar",
) -> Analyzer:
    """An analyzer without a server: `load_analyzer().analyse(Path("photo.jpg").read_bytes())`.

    `model` is an ONNX file (see `settings.default_model`), `threads` for one image (default: the cores of this
    process), `detector` the one for options that name none. Raises ModelError where the file cannot be used.
    """
    threads = threads or available_cpus()
    classifier = EmotionClassifier(model or default_model(), threads=threads)
    return Analyzer(load_detectors(detector, threads=threads), classifier, max_pixels=max_pixels)


def prediction_set(probabilities: NDArray[np.float64], threshold: float) -> tuple[int, ...]:
    """Indices of the conformal prediction set (Angelopoulos and Bates 2021), most probable first.

    All labels with at least `threshold`; the most probable one is always in it.
    """
    order = np.argsort(-probabilities, kind="stable")
    return tuple(int(index) for rank, index in enumerate(order) if rank == 0 or probabilities[index] >= threshold)


def _targets(face: Face, options: Options) -> tuple[str, ...]:
    """The labels to explain."""
    if options.explain == "none":
        return ()
    shares = face.votes if options.head == "votes" and face.votes is not None else face.probabilities
    top = face.labels[int(shares.argmax())]
    return {"all": face.labels, "top": (top,)}.get(options.target, (options.target,))


def check_explained(target: str, head: Head, contract: Contract) -> None:
    """Raises InvalidOption for a target that is neither `top`, `all` nor a label, and a head that the model lacks."""
    if target not in ("top", "all", *contract.labels):
        raise InvalidOption(f"target is {target!r}; it can be top, all, {', '.join(contract.labels)}.")
    if head == "votes" and contract.votes is None:
        raise InvalidOption("head is 'votes', and this service's model has no votes head; it can be emotions.")


def _warnings(box: Box, size_wh: tuple[int, int], sharpness: float, brightness: float) -> tuple[str, ...]:
    checks = {
        "small": max(box.width, box.height) < max(size_wh),
        "blurred": sharpness < BLURRED,
        "dark": brightness < DARK,
        "bright": brightness > BRIGHT,
    }
    return tuple(name for name, holds in checks.items() if holds)
