"""The pipeline every transport shares: decode, detect, crop, classify, explain."""

import time
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from . import images
from .classifier import EmotionClassifier
from .detectors.haar import NAME, FaceDetector
from .images import Box, Grey
from .problems import InvalidOption

# Of FER-2013's training faces, two in a hundred are darker than this, two brighter and two less sharp;
# a face beyond these is unlike what the network has learned from.
DARK, BRIGHT, BLURRED = 0.24, 0.77, 530.0


@dataclass(frozen=True)
class Options:
    """What a client asks for; see `service.schemas.PredictOptions` for what each word means."""

    explain: Literal["none", "gradcam"] = "none"
    heatmap: Literal["map", "overlay"] = "map"
    target: str = "top"
    max_faces: int = 10
    min_face_px: int | None = None
    crop: Literal["detect", "whole"] = "detect"


@dataclass(frozen=True)
class Explanation:
    """An encoded heatmap for one label."""

    target: str
    media_type: str
    size_wh: tuple[int, int]
    data: bytes


@dataclass(frozen=True)
class Face:
    """One face and what the network sees in it; `probabilities` is float64 (classes,) and sums to 1.

    `plausible` are the indices of the labels that hold the true one at the coverage the file was fitted for,
    likeliest first; never empty. `track_id` is for `service.tracking` to set.
    """

    box: Box
    detector: str | None
    weight: float | None
    probabilities: NDArray[np.float64]
    plausible: tuple[int, ...]
    sharpness: float
    brightness: float
    warnings: tuple[str, ...]
    explanations: tuple[Explanation, ...]
    track_id: int | None = None


@dataclass(frozen=True)
class Analysis:
    """An image's size, its faces (largest first), and milliseconds by stage."""

    size_wh: tuple[int, int]
    faces: tuple[Face, ...]
    timing_ms: dict[str, float]


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
    """Finds and reads the faces of one image at a time. Safe for many threads; keeps nothing."""

    def __init__(self, detector: FaceDetector, classifier: EmotionClassifier, *, max_pixels: int) -> None:
        self._detector = detector
        self._classifier = classifier
        self._max_pixels = max_pixels

    def analyse(self, body: bytes, options: Options) -> Analysis:
        """An image file's bytes to its faces. Raises the problems of `images.decode` and InvalidOption."""
        self.check_target(options.target)
        targets = self._targets(options)
        watch = _Stopwatch()
        image = images.decode(body, max_pixels=self._max_pixels)
        watch.lap("decode")
        return self._read(image, options, targets, watch)

    def analyse_image(self, image: images.Image, options: Options) -> Analysis:
        """An image that is decoded already, such as a video's frame, with a target that was checked."""
        return self._read(image, options, self._targets(options), _Stopwatch())

    def _read(self, image: images.Image, options: Options, targets: tuple[str, ...], watch: _Stopwatch) -> Analysis:
        found = self._find(image, options)
        watch.lap("detect")
        contract = self._classifier.contract
        # A whole image is a face already framed: nothing is added around it.
        margin = 0.0 if options.crop == "whole" else contract.crop_margin
        crops = [images.crop(image.grey, box, contract.size_wh, margin) for box, _ in found]
        batch = np.stack(crops)[..., None] if crops else np.zeros((0, *contract.size_wh[::-1], 1), np.uint8)
        reading = self._classifier.classify(batch)
        watch.lap("infer")
        explanations = [
            self._explain(image.grey, box, margin, row, heatmaps, targets, options.heatmap)
            for (box, _), row, heatmaps in zip(found, reading.probabilities, reading.heatmaps, strict=True)
        ]
        watch.lap("explain")
        faces = tuple(
            self._face(box, weight, crop, row, explained, options)
            for (box, weight), crop, row, explained in zip(
                found, crops, reading.probabilities, explanations, strict=True
            )
        )
        return Analysis(image.size_wh, faces, watch.laps)

    def check_target(self, target: str) -> None:
        """Raises InvalidOption for a label that the model does not have."""
        labels = self._classifier.contract.labels
        if target not in ("top", "all", *labels):
            raise InvalidOption(f"target is {target!r}; it takes top, all, {', '.join(labels)}.")

    def _targets(self, options: Options) -> tuple[str, ...]:
        """The labels to explain; "top" stays a word until the probabilities are known."""
        labels = self._classifier.contract.labels
        if options.explain == "none":
            return ()
        return labels if options.target == "all" else (options.target,)

    def _find(self, image: images.Image, options: Options) -> list[tuple[Box, float | None]]:
        if options.crop == "whole":
            return [(image.box, None)]
        found = self._detector.detect(image.grey, max_faces=options.max_faces, min_face_px=options.min_face_px)
        return [(face.box, face.weight) for face in found]

    def _explain(
        self,
        grey: Grey,
        box: Box,
        margin: float,
        row: NDArray[np.float64],
        heatmaps: NDArray[np.float32],
        targets: tuple[str, ...],
        form: str,
    ) -> tuple[Explanation, ...]:
        contract = self._classifier.contract
        explained = []
        for target in targets:
            index = int(row.argmax()) if target == "top" else contract.labels.index(target)
            label = contract.labels[index]
            if form == "overlay":
                picture = images.encode_overlay(images.cut(grey, box, margin), heatmaps[index])
                side = images.OVERLAY_SIDE
                explained.append(Explanation(label, "image/jpeg", (side, side), picture))
            else:
                picture = images.encode_map(heatmaps[index], contract.size_wh)
                explained.append(Explanation(label, "image/png", contract.size_wh, picture))
        return tuple(explained)

    def _face(
        self,
        box: Box,
        weight: float | None,
        crop: Grey,
        row: NDArray[np.float64],
        explanations: tuple[Explanation, ...],
        options: Options,
    ) -> Face:
        sharpness, brightness = images.sharpness(crop), images.brightness(crop)
        contract = self._classifier.contract
        return Face(
            box=box,
            detector=NAME if options.crop == "detect" else None,
            weight=weight,
            probabilities=row,
            plausible=plausible(row, contract.plausible_threshold),
            sharpness=sharpness,
            brightness=brightness,
            warnings=_warnings(box, contract.size_wh, sharpness, brightness),
            explanations=explanations,
        )


def plausible(row: NDArray[np.float64], threshold: float) -> tuple[int, ...]:
    """Indices of the conformal prediction set, likeliest first; the answer is always one of them."""
    order = np.argsort(-row, kind="stable")
    return tuple(int(index) for rank, index in enumerate(order) if rank == 0 or row[index] >= threshold)


def _warnings(box: Box, size_wh: tuple[int, int], sharpness: float, brightness: float) -> tuple[str, ...]:
    checks = {
        "small": max(box.width, box.height) < max(size_wh),
        "blurred": sharpness < BLURRED,
        "dark": brightness < DARK,
        "bright": brightness > BRIGHT,
    }
    return tuple(name for name, holds in checks.items() if holds)
