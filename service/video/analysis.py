"""One video from its first frame to its summary. Runs in a worker process of its own."""

import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import closing

from .. import record
from ..analysis import Analyzer
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
from .formats import format_of
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

    The first answer has no payload and says that the file could be opened; the payloads of all others, joined, are the
    text of the format asked for; the header of each frame has its `timing_ms` and `faces`. A problem after the first
    answer is its end, whose header has the problem's `code`.
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
        yield {}, b""
        form = format_of(options, csv_columns(analyzer.contract))
        yield {}, form.head().encode()
        with closing(video):
            try:
                for header, part in _parts(video, options, analyzer):
                    text = form.frame(part) if isinstance(part, VideoFrame) else form.summary(part)
                    yield header, text.encode()
            except Problem as problem:
                _, document = report(problem, instance=task["instance"], request_id=task["request_id"])
                yield (
                    {"last": True, "code": problem.code},
                    form.error(VideoError(**{**document, "type": "error"})).encode(),
                )

    return handle, about(analyzer.contract, detectors)


def _parts(
    video: Video, options: VideoOptions, analyzer: Analyzer
) -> Iterator[tuple[Header, VideoFrame | VideoSummary]]:
    """The lines of an answer, each with the header of the message that brings it."""
    contract = analyzer.contract
    tracker = Tracker(smoothing=options.smoothing, prediction_set_threshold=contract.prediction_set_threshold)
    timeline = Timeline()
    began = time.perf_counter()
    for frame in video.frames(fps=options.fps, from_s=options.from_s, to_s=options.to_s):
        decode_ms = (time.perf_counter() - began) * 1000
        found = analyzer.analyse_image(frame.image, options.options())
        faces = tracker.follow(found.faces, frame.time_s)
        figures: Header = {"timing_ms": {"decode": decode_ms, **found.timing_ms}, "faces": len(faces)}
        yield figures, video_frame(timeline.frames, frame.time_s, faces, found.searched_from_px)
        pairs = zip(faces, found.faces, strict=True)
        tracked = [(face.track_id, raw.shares) for face, raw in pairs if face.track_id is not None]
        timeline.add(tracked, frame.time_s)
        began = time.perf_counter()
    summary = VideoSummary(
        duration_s=video.duration_s,
        frames_read=video.frames_read,
        frames_analysed=timeline.frames,
        tracks=[video_track(track, contract.labels) for track in timeline.tracks],
    )
    yield {"last": True}, summary


async def analyse(state: State, file: Upload, task: Header) -> AsyncGenerator[bytes]:
    """The text of a video's answer, piece by piece; the first piece is empty and comes once the file is open.

    A frame is analysed only a little before its text is taken. Raises the problems of `solo.answers`, and Draining.
    """
    answers = solo.answers(state.video_plan, task, file)
    try:
        async for header, payload in answers:
            if "timing_ms" in header:
                record.add_image(header)
            if isinstance(code := header.get("code"), str) and code in problem_codes():
                record.add_problem(code)
            if state.draining.is_set():
                raise Draining("The service is shutting down; send the video to another one.", retry_after_s=5)
            yield payload
    finally:
        await answers.aclose()
