"""VideoAnalysis: one video from its first frame to its summary, one frame at a time."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import IO, TypeVar

from ..analysis import Analysis
from ..images import Image
from ..problems import DeadlineExceeded, Draining, Overloaded
from ..state import State
from ..tracking import Tracker
from .messages import VideoFrame, VideoOptions, VideoSummary, video_frame, video_track
from .reader import Video
from .timeline import Timeline

T = TypeVar("T")

# How long a frame waits before it tries a full queue again.
RETRY_S = 0.05


class VideoAnalysis:
    """Reads a video in a thread of its own, and has its frames analysed by the worker threads.

    Not in a worker thread: while it skips frames, that worker could not answer other requests.
    """

    def __init__(self, file: IO[bytes], options: VideoOptions, state: State) -> None:
        self._file, self._options, self._state = file, options, state
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="video")
        self._until = asyncio.get_running_loop().time() + state.settings.video_deadline_s
        self._video: Video | None = None

    async def open(self) -> AsyncGenerator[VideoFrame | VideoSummary]:
        """Open the video; the results follow. A frame is analysed only after the result before it was consumed.

        Raises the problems of `Video`, and DeadlineExceeded. Iterating also raises those of `Video.frames`, and
        Draining.
        """
        settings = self._state.settings

        def work() -> Video:
            self._video = Video(self._file, max_pixels=settings.max_video_pixels, max_s=settings.max_video_s)
            return self._video

        return self._results(await self._in_time(self._in_thread(work)))

    async def _results(self, video: Video) -> AsyncGenerator[VideoFrame | VideoSummary]:
        contract, options = self._state.contract, self._options
        tracker = Tracker(smoothing=options.smoothing, prediction_set_threshold=contract.prediction_set_threshold)
        timeline = Timeline()
        frames = video.frames(fps=options.fps, from_s=options.from_s, to_s=options.to_s)
        while (frame := await self._in_time(self._in_thread(lambda: next(frames, None)))) is not None:
            if self._state.draining.is_set():
                raise Draining("The service is shutting down; send the video to another one.", retry_after_s=5)
            found = (await self._in_time(self._analyse(frame.image))).faces
            faces = tracker.follow(found, frame.time_s)
            yield video_frame(timeline.frames, frame.time_s, faces)
            pairs = zip(faces, found, strict=True)
            tracked = [(face.track_id, raw.probabilities) for face, raw in pairs if face.track_id is not None]
            timeline.add(tracked, frame.time_s)
        yield VideoSummary(
            duration_s=video.duration_s,
            frames_read=video.frames_read,
            frames_analysed=timeline.frames,
            tracks=[video_track(track, contract.labels) for track in timeline.tracks],
        )

    def close(self) -> None:
        """Stop decoding, and end the thread. Returns at once."""

        def work() -> None:
            if self._video is not None:
                self._video.close()
            self._file.close()

        if self._video is not None:
            self._video.stop()
        self._thread.submit(work)
        self._thread.shutdown(wait=False)

    def _in_thread(self, work: Callable[[], T]) -> Awaitable[T]:
        return asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def _analyse(self, image: Image) -> Analysis:
        """Analyse a frame as soon as the queue has room: a video waits where single images would be refused."""
        analyse = partial(self._state.analyzer.analyse_image, image, self._options.options())
        while True:
            with suppress(Overloaded):
                return (await self._state.pool.run(analyse)).value
            await asyncio.sleep(RETRY_S)

    async def _in_time(self, work: Awaitable[T]) -> T:
        """Raises DeadlineExceeded when the time for the whole video is over."""
        try:
            async with asyncio.timeout_at(self._until):
                return await work
        except TimeoutError as error:
            limit = self._state.settings.video_deadline_s
            raise DeadlineExceeded(f"The video was not done within {limit:g} s.", limit=limit) from error
