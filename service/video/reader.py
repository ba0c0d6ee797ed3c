"""A video file as a lazy sequence of timed, upright frames.

By PyAV and not by OpenCV's VideoCapture: docs/decisions/0001-pyav-for-video.md has the measurements.

A file is read from memory, whole: an MP4 may have its index at the end. A video is decoded by one thread, which limits
the frames in memory and leaves the other cores to other requests. All times count from `Opened.zero_s`.
"""

import math
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import IO

import av
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame

from ..problems import UndecodableVideo, VideoTooLong, VideoTooManyPixels
from .container import begin_s, closed_on_error, open_video
from .frames import Frame, Matrix, matrix_of

# Matroska rounds times to milliseconds.
SLACK_S = 0.0005
# FFmpeg seeks by decoding time, which in an MP4 can be some frames before the presentation time.
EARLIER_S = 1.0
# A complete file may end so much before its declared duration: sound and video rarely end at the same time.
MISSING_S = 0.5
# Decoders that mark the frames they had to make up. What they complain of beside that is no damage: where a video is
# entered in its middle, they miss the frames before.
_MARKING = ("h264",)


class Video:
    """An open video file. All methods but `stop` are for one thread.

    Raises UnsupportedMediaType, UndecodableVideo, VideoTooLong, VideoTooManyPixels. The last three also come from
    `frames`: after all frames before the damage, or where the file differs from what it declares.
    """

    def __init__(self, file: IO[bytes], *, max_pixels: int, max_s: float) -> None:
        self._file, self._max_pixels, self._max_s = file, max_pixels, max_s
        self._stopped = threading.Event()
        self._read_to_s = 0.0
        self._matrix: Matrix | None = None
        self.frames_read = 0
        self._open()

    @property
    def declared_s(self) -> float | None:
        """Seconds that the file says it lasts; None where it does not say."""
        return self._opened.declared_s

    @property
    def duration_s(self) -> float:
        """Seconds: the declared duration, or the end of the last frame read where that is later or none is declared."""
        return max(self._read_to_s, self._opened.declared_s or 0.0)

    def frames(self, *, fps: float, from_s: float = 0.0, to_s: float | None = None) -> Iterator[Frame]:
        """At most `fps` frames a second with from_s <= time_s < to_s, evenly spaced whatever the file's frame rate."""
        return (frame for frame in self.all_frames(fps=fps, from_s=from_s, to_s=to_s) if frame.is_due)

    def all_frames(self, *, fps: float, from_s: float = 0.0, to_s: float | None = None) -> Iterator[Frame]:
        """Every frame with from_s <= time_s < to_s; `is_due` for those that `frames` gives."""
        wanted_s = from_s
        for time_s, frame in self._decoded(from_s):
            if to_s is not None and time_s + SLACK_S >= to_s:
                return
            if time_s + SLACK_S < from_s:
                continue
            self.frames_read += 1
            is_due = time_s + SLACK_S >= wanted_s
            if is_due:
                wanted_s = from_s + (math.floor((time_s + SLACK_S - from_s) * fps) + 1) / fps
            yield Frame(time_s, frame, self._matrix_of(frame), is_due)

    def stop(self) -> None:
        """End `frames` after the packet that is being read. For any thread."""
        self._stopped.set()

    def close(self) -> None:
        self._opened.container.close()

    def _open(self) -> None:
        self._file.seek(0)
        self._opened = open_video(self._file, self._max_pixels)
        with closed_on_error(self._opened.container):
            context = self._opened.stream.codec_context
            self._check_pixels(context.width, context.height)
            self._check_time(self._opened.declared_s or 0.0)
            context.thread_count = 1
            # Decoders round sizes up to whole blocks, so their limit is higher; the frame is checked in `_timed`.
            context.options = {"max_pixels": str(2 * self._max_pixels)}
            if context.name not in _MARKING:
                context.options = {**context.options, "err_detect": "explode"}

    def _decoded(self, from_s: float) -> Iterator[tuple[float, VideoFrame]]:
        """Frames in the order of their times, in seconds, from one at or before `from_s` on, where there is one."""
        if from_s <= EARLIER_S:
            yield from self._all()
            return
        # A file without seeking is read from its start.
        with suppress(av.FFmpegError):
            self._opened.container.seek(round((self._opened.zero_s + from_s - EARLIER_S) * av.time_base))
        frames = self._all()
        first = None
        with suppress(UndecodableVideo):
            first = next(frames, None)
        if first is not None and first[0] <= from_s + SLACK_S:
            yield first
        else:
            # Entered too late: frames that lean on others before the entry cannot be read from there.
            self.close()
            self._read_to_s = 0.0
            self._open()
            frames = self._all()
        yield from frames

    def _all(self) -> Iterator[tuple[float, VideoFrame]]:
        """Frames in the order of their times, from where the container is on."""
        entry = _Entry()
        try:
            for packet in self._packets():
                yield from self._frames_of(packet, entry)
        except (av.FFmpegError, UndecodableVideo) as error:
            # The frames that the decoder still holds, to put them into order, are from before the damage.
            with suppress(av.FFmpegError, UndecodableVideo):
                yield from self._frames_of(None, entry)
            if isinstance(error, UndecodableVideo):
                raise
            raise self._damaged() from error
        if entry.has_packets and not entry.is_over and not self._stopped.is_set():
            raise self._damaged()

    def _frames_of(self, packet: "Packet[Stream] | None", entry: "_Entry") -> Iterator[tuple[float, VideoFrame]]:
        """The frames that the decoder gives for a packet; for None the last ones."""
        begins_s = None if packet is None else begin_s(packet)
        entry.has_packets |= packet is not None and packet.size > 0
        if packet is not None and packet.is_keyframe:
            entry.key_s = begins_s if entry.key_s is None else entry.key_s
        try:
            frames = self._opened.stream.decode(packet)
        except av.FFmpegError:
            if packet is not None and not packet.is_keyframe and entry.excuses(begins_s):
                return
            raise
        for frame in frames:
            if frame.is_corrupt:
                if entry.excuses(frame.time):
                    continue
                raise self._damaged()
            entry.is_over = True
            yield self._timed(frame), frame

    def _packets(self) -> Iterator["Packet[Stream]"]:
        """The packets of the video stream. Raises UndecodableVideo where the file is damaged or cut short."""
        opened, ended_s = self._opened, 0.0
        packets = opened.container.demux()
        while True:
            with av.logging.Capture() as logged:
                packet = next(packets, None)
            if packet is None or self._stopped.is_set():
                break
            # The demuxer's log entries carry all of its names: matroska,webm.
            if any(opened.container.format.name in names.split(",") for _, names, _ in logged):
                raise UndecodableVideo(f"The video is damaged after {ended_s:.3f} s.")
            # Packets of sound count as well: where sound goes on after the last frame, the file is not cut short.
            ended_s = max(ended_s, self._end_s(packet))
            if packet.stream.index != opened.stream.index:
                continue
            if packet.is_corrupt:
                raise UndecodableVideo(f"The video is damaged or cut short at {ended_s:.3f} s.")
            yield packet
        declared_s = opened.declared_s
        if not self._stopped.is_set() and declared_s is not None and ended_s < declared_s - MISSING_S:
            raise UndecodableVideo(f"The video is cut short: it ends at {ended_s:.3f} s of {declared_s:.3f} s.")

    def _timed(self, frame: VideoFrame) -> float:
        """A frame's time in seconds; AVI files may give none, then frames are evenly spaced."""
        self._check_pixels(frame.width, frame.height)
        opened = self._opened
        rate = opened.stream.average_rate
        length_s = float(frame.duration * frame.time_base) if frame.duration and frame.time_base else 0.0
        length_s = length_s or (float(1 / rate) if rate else 0.0)
        stamp = frame.dts if frame.pts is None else frame.pts
        if stamp is None or frame.time_base is None:
            time_s = self._read_to_s
        else:
            time_s = float(stamp * frame.time_base) - opened.zero_s
        self._check_time(time_s)
        self._read_to_s = max(self._read_to_s, time_s + length_s)
        return time_s

    def _matrix_of(self, frame: VideoFrame) -> Matrix:
        """That of the first frame. PyAV's `side_data` keeps a frame and its threads until Python collects cycles."""
        if self._matrix is None:
            self._matrix = matrix_of(frame)
        return self._matrix

    def _end_s(self, packet: "Packet[Stream]") -> float:
        """When a packet ends, in seconds; 0 for packets without a time."""
        begins_s = begin_s(packet)
        if begins_s is None or packet.time_base is None:
            return 0.0
        return begins_s + float((packet.duration or 0) * packet.time_base) - self._opened.zero_s

    def _damaged(self) -> UndecodableVideo:
        return UndecodableVideo(f"The video is damaged after {self._read_to_s:.3f} s.")

    def _check_pixels(self, width: int, height: int) -> None:
        if width * height > self._max_pixels:
            raise VideoTooManyPixels(
                f"The video is {width} x {height} pixels; at most {self._max_pixels:,} in all are allowed.",
                limit=self._max_pixels,
            )

    def _check_time(self, time_s: float) -> None:
        if time_s > self._max_s:
            raise VideoTooLong(f"The video is longer than {self._max_s:g} s.", limit=self._max_s)


@dataclass
class _Entry:
    """The first frames after the place where a video is entered: its start, or where a seek has led to.

    With open groups of pictures the first key frame is followed by frames that are shown before it, and that lean on
    frames from before the entry. Every file that was cut out of a longer one without encoding it again begins so.
    """

    key_s: float | None = None
    has_packets: bool = False
    is_over: bool = False

    def excuses(self, time_s: float | None) -> bool:
        """Whether a frame of this time, on the file's own clock, may be missing in a video that is not damaged."""
        return not self.is_over and (self.key_s is None or time_s is None or time_s < self.key_s)
