"""Viewing: one video from its first frame to its summary, one frame under way at a time."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import IO, TypeVar

from .. import schemas
from ..analysis import Analysis
from ..images import Image
from ..problems import DeadlineExceeded, Draining, Overloaded
from ..schemas import VideoFrame, VideoOptions, VideoSummary
from ..state import Context
from ..tracking import Tracker
from .reader import Video
from .timeline import Timeline

T = TypeVar("T")

# How long a frame waits before it asks again for a place in a queue that is full.
PATIENCE_S = 0.05


class Viewing:
    """A video with a thread of its own, in which it is opened, read and closed; the workers get its frames.

    Not a worker's thread: frames that are only skipped would keep it from answering others.
    """

    def __init__(self, file: IO[bytes], options: VideoOptions, alive: Context) -> None:
        self._file, self._options, self._alive = file, options, alive
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="video")
        self._until = asyncio.get_running_loop().time() + alive.settings.video_deadline_s
        self._video: Video | None = None

    async def open(self) -> AsyncGenerator[VideoFrame | VideoSummary]:
        """The results to come: a frame is begun when the one before it was taken.

        Raises the problems of `Video` and DeadlineExceeded; the results those of `Video.frames` and Draining as well.
        """
        settings = self._alive.settings

        def work() -> Video:
            self._video = Video(self._file, max_pixels=settings.max_video_pixels, max_s=settings.max_video_s)
            return self._video

        return self._results(await self._in_time(self._in_thread(work)))

    async def _results(self, video: Video) -> AsyncGenerator[VideoFrame | VideoSummary]:
        contract, options = self._alive.contract, self._options
        tracker = Tracker(smoothing=options.smoothing, plausible_threshold=contract.plausible_threshold)
        timeline = Timeline()
        frames = video.frames(fps=options.fps, from_s=options.from_s, to_s=options.to_s)
        while (frame := await self._in_time(self._in_thread(lambda: next(frames, None)))) is not None:
            if self._alive.draining.is_set():
                raise Draining("The service is shutting down; send the video to another one.", retry_after_s=5)
            seen = (await self._in_time(self._analyse(frame.image))).faces
            faces = tracker.follow(seen, frame.time_s)
            yield schemas.video_frame(timeline.frames, frame.time_s, faces, contract.labels)
            pairs = zip(faces, seen, strict=True)
            tracked = [(face.track_id, raw.probabilities) for face, raw in pairs if face.track_id is not None]
            timeline.add(tracked, frame.time_s)
        yield VideoSummary(
            duration_s=video.duration_s,
            frames_read=video.frames_read,
            frames_analysed=timeline.frames,
            tracks=[schemas.video_track(track, contract.labels) for track in timeline.tracks],
        )

    def close(self) -> None:
        """Ends what is being decoded, then the thread. Waits for nothing."""

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
        """As soon as there is a place: where single images fill the queue, a video waits and does not fail."""
        analyse = partial(self._alive.analyzer.analyse_image, image, self._options.options())
        while True:
            with suppress(Overloaded):
                return (await self._alive.pool.run(analyse)).value
            await asyncio.sleep(PATIENCE_S)

    async def _in_time(self, work: Awaitable[T]) -> T:
        """Raises DeadlineExceeded when the video's whole time is over."""
        try:
            async with asyncio.timeout_at(self._until):
                return await work
        except TimeoutError as error:
            limit = self._alive.settings.video_deadline_s
            raise DeadlineExceeded(f"The video was not done within {limit:g} s.", limit=limit) from error
