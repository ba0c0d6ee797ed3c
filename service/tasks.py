"""What a worker process does with an image, or with a frame of a stream."""

from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from . import images, schemas
from .analysis import Analysis, Analyzer, Options
from .classifier import Contract, EmotionClassifier, VotesHead
from .detectors.available import Detectors, load_detectors
from .detectors.haar import HaarDetector, use_threads
from .schedule import NEVER_SEARCHED, Schedule
from .settings import DetectorChoice, Settings
from .tracking import Tracker
from .workers.channel import Body, Header
from .workers.process import Handler, Plan

Form = Literal["file", "json"]
"""What the body of an image's task is: the file itself, or the JSON that holds it."""

# Memory that an image may take beyond that of a loaded worker: bytes for each pixel, enough for decoders of colour
# images and the detector's copies, and bytes that do not depend on the number of pixels.
_BYTES_PER_PIXEL = 16
_BYTES_BESIDE = 2**27
_WARM_UP_SIDE = 64
# A face in an answer has at most this many bytes: seven heatmaps over the face, as JPEG in base64, take half of it.
_BYTES_PER_FACE = 2**20


def plan_images(settings: Settings, model: bytes, shadow: bytes | None = None) -> Plan:
    """Workers that answer `image_task` and `frame_task` with the model file of these bytes, and a shadow model's."""
    return Plan(
        make=load_images,
        arguments=(settings.model, model, settings.detector, settings.workers, settings.max_pixels, shadow),
        headroom_bytes=headroom_bytes(settings.max_pixels),
        deadline_s=settings.deadline_s,
        most_answer_bytes=answer_bytes(settings.max_faces),
    )


def headroom_bytes(max_pixels: int) -> int:
    """Memory that a worker may take for images of up to `max_pixels`."""
    return _BYTES_BESIDE + _BYTES_PER_PIXEL * max_pixels


def answer_bytes(max_faces: int) -> int:
    """The longest answer for one image or frame with so many faces."""
    return _BYTES_PER_FACE * (1 + max_faces)


def image_task(options: Options, form: Form = "file") -> Header:
    """A task whose body is an image; the answer's payload is a `schemas.Found` as JSON."""
    return {"form": form, "options": {**vars(options)}}


def frame_task(options: Options, stream: Header, at_s: float, *, busy: bool) -> Header:
    """As `image_task`, for a frame of a stream at this time: `stream` is its state, which comes back as `stream`.

    `busy`: other frames wait for a worker.
    """
    return {**image_task(options), "stream": stream, "at_s": at_s, "busy": busy}


def stream_state(tracker: Tracker, schedule: Schedule = NEVER_SEARCHED) -> Header:
    """What is known of a stream before its next frame."""
    return {"track": tracker.state(), "schedule": schedule.state()}


def about(contract: Contract, detectors: Detectors, shadow: Contract | None = None) -> Header:
    """What workers say of what they have loaded."""
    said = {"contract": asdict(contract), "detectors": asdict(detectors.searches())}
    return said if shadow is None else {**said, "shadow": asdict(shadow)}


def contract_of(said: Header) -> Contract:
    """The contract of a model, as `about` says it."""
    lists = ("labels", "size_wh", "heatmap_wh")
    values: dict[str, Any] = {**said, **{name: tuple(said[name]) for name in lists}}
    votes = None if values["votes"] is None else VotesHead(**values["votes"])
    return Contract(**{**values, "votes": votes})


def load_images(
    path: Path, model: bytes, default: DetectorChoice, threads: int, max_pixels: int, shadow: bytes | None = None
) -> tuple[Handler, Header]:
    """For `Plan.make`: the handler of `image_task` and `frame_task`, and what `about` says. Raises ModelError."""
    # The number of a session's threads is fixed: sessions for a task among many, and sessions for a task that is alone.
    haar = HaarDetector(threads=threads)
    detectors = {count: load_detectors(default, threads=count, haar=haar) for count in {1, threads}}
    reads_along = None if shadow is None else EmotionClassifier(Path("the shadow model"), content=shadow)
    analyzers = {
        count: Analyzer(
            each, EmotionClassifier(path, threads=count, content=model), max_pixels=max_pixels, shadow=reads_along
        )
        for count, each in detectors.items()
    }
    contract = analyzers[1].contract

    def handle(task: Header, body: Body) -> Iterator[tuple[Header, bytes]]:
        use_threads(task["threads"])
        content = body.content()
        if task["form"] == "json":
            content = schemas.PredictBody.file_of(content)
        analyzer, options = analyzers[task["threads"]], Options(**task["options"])
        stream: Header = {}
        if "stream" in task:
            found, state = analyse_frame(analyzer, content, options, task["stream"], task["at_s"], busy=task["busy"])
            stream = {"stream": state}
        else:
            found = analyzer.analyse(content, options)
        header = {"last": True, "timing_ms": found.timing_ms, "faces": len(found.faces), **stream}
        if reads_along is not None:
            header["shadow"] = [[face.emotion, label] for face, label in zip(found.faces, found.shadow, strict=True)]
        yield (
            header,
            schemas.found_json(found),
        )

    for analyzer in analyzers.values():
        warm_up(analyzer)
    return handle, about(contract, detectors[1], None if reads_along is None else reads_along.contract)


def analyse_frame(
    analyzer: Analyzer, body: bytes, options: Options, stream: Header, at_s: float, *, busy: bool
) -> tuple[Analysis, Header]:
    """The faces of a stream's frame with their tracks, and the stream's state after it; see `frame_task`."""
    tracker = Tracker.restored(stream["track"], prediction_set_threshold=analyzer.contract.prediction_set_threshold)
    schedule = Schedule.restored(stream["schedule"])
    expected = schedule.near(tracker.expected(at_s), at_s, options, busy=busy)
    found = analyzer.analyse(body, options, expected)
    schedule = schedule.after(at_s, options, everywhere=found.everywhere)
    return replace(found, faces=tracker.follow(found.faces, at_s)), stream_state(tracker, schedule)


def warm_up(analyzer: Analyzer) -> None:
    """Call every part of an Analyzer while files can still be opened: libraries load some of their files late."""
    grey = np.random.default_rng(0).integers(0, 256, (_WARM_UP_SIDE, _WARM_UP_SIDE), np.uint8)
    for options in (
        *(Options(detector=each) for each in analyzer.detectors.by_option),
        Options(crop="whole", explain="gradcam", target="all"),
        Options(crop="whole", explain="gradcam", heatmap="overlay"),
    ):
        schemas.found_json(analyzer.analyse_image(images.Image(grey), options))
    for extension in (".jpg", ".png", ".webp"):
        images.decode(images.encode(extension, grey), max_pixels=grey.size)
