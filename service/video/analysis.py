"""One video from its first frame to its summary. Runs in a worker process of its own."""

import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import closing
from typing import Any

from .. import record
from ..analysis import Analyzer, Face
from ..classifier import EmotionClassifier
from ..descriptions import csv_columns
from ..detectors.available import load_detectors
from ..problems import Draining, Problem, problem_codes, report
from ..settings import Settings
from ..state import State
from ..tasks import about, answer_bytes, headroom_bytes, warm_up
from ..tracking import Tracker
from ..workers import solo
from ..workers.channel import Body, Header, Upload
from ..workers.process import Handler, Plan
from .container import load_all
from .drawn import DrawnVideo
from .formats import format_of
from .frames import Frame
from .messages import VideoError, VideoFrame, VideoOptions, VideoSummary, video_frame, video_track
from .reader import Video
from .timeline import Timeline

# A video takes minutes where an image takes milliseconds: the system gives images the processor first.
_NICENESS = 5
# Of a decoder's reference frames and of what it reads ahead.
_FRAMES_KEPT = 8


def plan_videos(settings: Settings, model: bytes) -> Plan:
    """Workers that answer `video_task` with the model file of these bytes."""
    return Plan(
        make=load_videos,
        arguments=(settings, model),
        headroom_bytes=_FRAMES_KEPT * headroom_bytes(settings.max_video_pixels),
        deadline_s=settings.video_deadline_s,
        niceness=_NICENESS,
        most_answer_bytes=answer_bytes(settings.max_faces),
    )


def video_task(options: VideoOptions, instance: str, request_id: str) -> Header:
    """A task whose body is a video file.

    The first answer has no payload; its header has the video's `declared_s`, or null. The payloads of all others,
    joined, are the answer in the format asked for; the header of each frame has its `timing_ms` and `faces`. A problem
    after the first answer is its end, whose header has the problem's `code`.
    """
    # Without the defaults: an option that is given and has no effect is refused.
    return {"options": options.model_dump(exclude_unset=True), "instance": instance, "request_id": request_id}


def load_videos(settings: Settings, model: bytes) -> tuple[Handler, Header]:
    """For `Plan.make`: the handler of `video_task`, and what `tasks.about` says. Raises ModelError."""
    load_all()
    detectors = load_detectors(settings.detector, threads=settings.workers)
    classifier = EmotionClassifier(settings.model, threads=settings.workers, content=model)
    analyzer = Analyzer(detectors, classifier, max_pixels=settings.max_video_pixels)
    warm_up(analyzer)

    def handle(task: Header, body: Body) -> Iterator[tuple[Header, bytes]]:
        options = VideoOptions(**task["options"])
        video = Video(body.file(), max_pixels=settings.max_video_pixels, max_s=settings.max_video_s)
        with closing(video):
            yield {"declared_s": video.declared_s}, b""
            watcher = _Watcher(options, analyzer)
            yield from _drawn(video, watcher) if options.is_drawn else _text(video, watcher, task)

    return handle, about(analyzer.contract, detectors)


class _Watcher:
    """Analyses the frames of one video, and remembers what belongs into its summary."""

    def __init__(self, options: VideoOptions, analyzer: Analyzer) -> None:
        self.options, self._analyzer = options, analyzer
        self.contract = analyzer.contract
        threshold = self.contract.prediction_set_threshold
        self._tracker = Tracker(smoothing=options.smoothing, prediction_set_threshold=threshold)
        self._timeline = Timeline()
        self._began = time.perf_counter()
        self.range: dict[str, Any] = {"fps": options.fps, "from_s": options.from_s, "to_s": options.to_s}

    def see(self, frame: Frame) -> tuple[Header, tuple[Face, ...], VideoFrame]:
        """The header of the message about a frame, its faces, and its line."""
        image, decode_ms = frame.image, (time.perf_counter() - self._began) * 1000
        found = self._analyzer.analyse_image(image, self.options.options())
        faces = self._tracker.follow(found.faces, frame.time_s)
        figures: Header = {"timing_ms": {"decode": decode_ms, **found.timing_ms}, "faces": len(faces)}
        line = video_frame(self._timeline.frames, frame.time_s, faces, found.searched_from_px)
        pairs = zip(faces, found.faces, strict=True)
        tracked = [(face.track_id, raw.shares) for face, raw in pairs if face.track_id is not None]
        self._timeline.add(tracked, frame.time_s)
        self._began = time.perf_counter()
        return figures, faces, line

    def summary(self, video: Video) -> VideoSummary:
        return VideoSummary(
            duration_s=video.duration_s,
            frames_read=video.frames_read,
            frames_analysed=self._timeline.frames,
            tracks=[video_track(track, self.contract.labels) for track in self._timeline.tracks],
        )


def _text(video: Video, watcher: _Watcher, task: Header) -> Iterator[tuple[Header, bytes]]:
    """The answer as text, each piece with its message's header. A problem is its end."""
    form = format_of(watcher.options, csv_columns(watcher.contract))
    yield {}, form.head().encode()
    try:
        for frame in video.frames(**watcher.range):
            header, _, line = watcher.see(frame)
            yield header, form.frame(line).encode()
        yield {"last": True}, form.summary(watcher.summary(video)).encode()
    except Problem as problem:
        _, document = report(problem, instance=task["instance"], request_id=task["request_id"])
        error = form.error(VideoError(**{**document, "type": "error"}))
        yield {"last": True, "code": problem.code}, error.encode()


def _drawn(video: Video, watcher: _Watcher) -> Iterator[tuple[Header, bytes]]:
    """The answer as a video. Raises the problem that ends it early, after all that came before.

    Frames that are not analysed show the faces of the last one that was.
    """
    drawn = DrawnVideo(watcher.options.format)
    faces: tuple[Face, ...] = ()
    try:
        for frame in video.all_frames(**watcher.range):
            header: Header = {}
            if frame.is_due:
                header, faces, _ = watcher.see(frame)
            yield header, drawn.add(frame, faces)
    except Problem:
        yield {}, drawn.end()
        raise
    yield {"last": True}, drawn.end()


async def analyse(state: State, file: Upload, task: Header) -> AsyncGenerator[tuple[Header, bytes]]:
    """A video's answer, piece by piece with headers; the first piece is empty and comes once the file is open.

    A frame is analysed only a little before its piece is taken. Raises the problems of `solo.answers`, and Draining.
    """
    answers = solo.answers(state.video_plan, task, file, state.video_losses)
    try:
        async for header, payload in answers:
            if "timing_ms" in header:
                record.add_image(header)
            if isinstance(code := header.get("code"), str) and code in problem_codes():
                record.add_problem(code)
            if state.draining.is_set():
                raise Draining("The service is shutting down; send the video to another one.", retry_after_s=5)
            yield header, payload
    finally:
        await answers.aclose()
