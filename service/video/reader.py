"""A video file as a lazy sequence of timed, upright, grey frames.

By PyAV and not by OpenCV's VideoCapture: docs/decisions/0001-pyav-for-video.md has the measurements. The first bytes
decide the demuxer (FFmpeg's choice could be a playlist, which opens URLs and files), and only the decoders of DECODERS
run.

A file is read from memory, whole: an MP4 may have its index at the end. A video is decoded by one thread, which limits
the frames in memory and leaves the other cores to other requests.
"""

import ctypes
import importlib
import logging
import math
import pkgutil
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import IO

import av
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from .. import files, images
from ..problems import UndecodableVideo, UnsupportedMediaType, VideoTooLong, VideoTooManyPixels

ACCEPTED = ("video/mp4", "video/webm", "video/quicktime", "video/x-msvideo")
DECODERS = ("h264", "hevc", "vp8", "vp9", "libvpx", "libvpx-vp9", "av1", "libdav1d", "mpeg4", "mjpeg")
_DEMUXERS = {
    "MP4 video": "mov",
    "QuickTime video": "mov",
    "WebM or Matroska video": "matroska",
    "AVI video": "avi",
}
# Otherwise FFmpeg decodes the first frames of every stream, of any size and with any decoder, for facts that are not
# needed here, and reads ahead, so that the place of damage is not known. Cameras write up to eight streams.
_OPENING = {"codec_whitelist": "none", "probesize": "32", "max_streams": "16"}
# Memory for what is not pixels: the list of an MP4's frames needs 24 bytes for each of them.
_SMALLEST_MOST_BYTES = 2**24
# Enough for the first atom's name and for what `files.media_type` looks at.
_HEAD = 512
# Matroska rounds times to milliseconds.
SLACK_S = 0.0005
# FFmpeg seeks by decoding time, which in an MP4 can be some frames before the presentation time.
EARLIER_S = 1.0
# A complete file may end so much before its declared duration: sound and video rarely end at the same time.
MISSING_S = 0.5

# A demuxer that skips damage reports it in FFmpeg's log only: the log is captured, and written nowhere else.
av.logging.set_level(av.logging.ERROR)
av.logging.set_skip_repeated(False)
logging.getLogger("libav").setLevel(logging.CRITICAL + 1)


# Its command line, and its samples, which are files elsewhere.
_NOT_NEEDED = ("av.__main__", "av.datasets")


@dataclass(frozen=True)
class Frame:
    """A frame and its time in the file, seconds."""

    time_s: float
    image: images.Image


class Video:
    """An open video file. All methods but `stop` are for one thread.

    Raises UnsupportedMediaType, UndecodableVideo, VideoTooLong, VideoTooManyPixels. The last three also come from
    `frames`: after all frames before the damage, or where the file differs from what it declares.
    """

    def __init__(self, file: IO[bytes], *, max_pixels: int, max_s: float) -> None:
        self._max_pixels, self._max_s = max_pixels, max_s
        self._stopped = threading.Event()
        self._read_to_s = 0.0
        self.frames_read = 0
        _limit_allocations(max(_SMALLEST_MOST_BYTES, 4 * max_pixels))
        self._container, kind = _open(file)
        try:
            self._stream = _video_stream(self._container, kind)
            self._check_pixels(self._stream.codec_context.width, self._stream.codec_context.height)
            duration = self._container.duration
            self._declared_s = duration / av.time_base if duration else None
            self._check_time(self._declared_s or 0.0)
        except BaseException:
            self._container.close()
            raise

    @property
    def duration_s(self) -> float:
        """The declared duration, seconds; where none is declared, the end of the last frame read."""
        return self._read_to_s if self._declared_s is None else self._declared_s

    def frames(self, *, fps: float, from_s: float = 0.0, to_s: float | None = None) -> Iterator[Frame]:
        """At most `fps` frames a second with from_s <= time_s < to_s, evenly spaced whatever the file's frame rate."""
        wanted_s = from_s
        for time_s, frame in self._decoded(from_s):
            if to_s is not None and time_s + SLACK_S >= to_s:
                return
            if time_s + SLACK_S < from_s:
                continue
            self.frames_read += 1
            if time_s + SLACK_S < wanted_s:
                continue
            wanted_s = from_s + (math.floor((time_s + SLACK_S - from_s) * fps) + 1) / fps
            yield Frame(time_s, _upright(frame))

    def stop(self) -> None:
        """End `frames` after the packet that is being read. For any thread."""
        self._stopped.set()

    def close(self) -> None:
        self._container.close()

    def _decoded(self, from_s: float) -> Iterator[tuple[float, VideoFrame]]:
        """Frames in the order of their times, in seconds, from a key frame at or before `from_s` on."""
        context = self._stream.codec_context
        context.thread_count = 1
        # Decoders round sizes up to whole blocks, so they get a higher limit; the frame itself is checked in `_timed`.
        context.options = {"err_detect": "explode", "max_pixels": str(2 * self._max_pixels)}
        if from_s > 0:
            # A file without seeking is read from its start.
            with suppress(av.FFmpegError):
                self._container.seek(int(max(0.0, from_s - EARLIER_S) * av.time_base))
        try:
            for packet in self._packets():
                for frame in self._stream.decode(packet):
                    yield self._timed(frame), frame
        except (av.FFmpegError, UndecodableVideo) as error:
            # The frames that the decoder still holds, to put them into order, are from before the damage.
            with suppress(av.FFmpegError):
                for frame in self._stream.decode(None):
                    yield self._timed(frame), frame
            if isinstance(error, UndecodableVideo):
                raise
            raise UndecodableVideo(f"The video is damaged after {self._read_to_s:.3f} s.") from error

    def _packets(self) -> Iterator["Packet[Stream]"]:
        """The packets of the video stream. Raises UndecodableVideo where the file is damaged or cut short."""
        ended_s = 0.0
        packets = self._container.demux()
        while True:
            with av.logging.Capture() as logged:
                packet = next(packets, None)
            if packet is None or self._stopped.is_set():
                break
            # The demuxer's log entries carry all of its names: matroska,webm.
            if any(self._container.format.name in names.split(",") for _, names, _ in logged):
                raise UndecodableVideo(f"The video is damaged after {ended_s:.3f} s.")
            # Packets of sound count as well: where sound goes on after the last frame, the file is not cut short.
            ended_s = max(ended_s, _end_s(packet))
            if packet.stream.index != self._stream.index:
                continue
            if packet.is_corrupt:
                raise UndecodableVideo(f"The video is damaged or cut short at {ended_s:.3f} s.")
            yield packet
        if not self._stopped.is_set() and self._declared_s is not None and ended_s < self._declared_s - MISSING_S:
            raise UndecodableVideo(f"The video is cut short: it ends at {ended_s:.3f} s of {self._declared_s:.3f} s.")

    def _timed(self, frame: VideoFrame) -> float:
        """A frame's time in seconds; AVI files may give none, then frames are evenly spaced."""
        self._check_pixels(frame.width, frame.height)
        length_s = float(1 / self._stream.average_rate) if self._stream.average_rate else 0.0
        stamp = frame.dts if frame.pts is None else frame.pts
        time_s = self._read_to_s if stamp is None or frame.time_base is None else float(stamp * frame.time_base)
        self._check_time(time_s)
        self._read_to_s = time_s + length_s
        return time_s

    def _check_pixels(self, width: int, height: int) -> None:
        if width * height > self._max_pixels:
            raise VideoTooManyPixels(
                f"The video is {width} x {height} pixels; at most {self._max_pixels:,} in all are allowed.",
                limit=self._max_pixels,
            )

    def _check_time(self, time_s: float) -> None:
        if time_s > self._max_s:
            raise VideoTooLong(f"The video is longer than {self._max_s:g} s.", limit=self._max_s)


def load_all() -> None:
    """Load what PyAV loads late, while files can still be opened: a worker that has begun may open none."""
    for module in pkgutil.walk_packages(av.__path__, f"{av.__name__}."):
        if module.name not in _NOT_NEEDED:
            importlib.import_module(module.name)


def _limit_allocations(most_bytes: int) -> None:
    """The most bytes of each of FFmpeg's allocations: an MP4 of 2 kB can declare frames whose list needs gigabytes."""
    # PyAV has no such function, but its module links the FFmpeg it uses; where that fails, FFmpeg's limit is 2 GiB.
    with suppress(AttributeError):
        limit = ctypes.CDLL(av._core.__file__).av_max_alloc
        limit.argtypes, limit.restype = [ctypes.c_size_t], None
        limit(most_bytes)


def _open(file: IO[bytes]) -> tuple[InputContainer, str]:
    """The open container, and the kind of the file by its first bytes."""
    head = file.read(_HEAD)
    file.seek(0)
    kind = files.media_type(head)
    if kind not in _DEMUXERS:
        raise UnsupportedMediaType(f"This is {kind}; send one of {', '.join(ACCEPTED)}.")
    try:
        container = av.open(file, "r", _DEMUXERS[kind], container_options=_OPENING)
    except av.FFmpegError as error:
        raise UndecodableVideo(f"This {kind} cannot be opened: it is damaged, cut short or empty.") from error
    return container, kind


def _video_stream(container: InputContainer, kind: str) -> VideoStream:
    """The first stream of moving pictures; the cover of a sound file is a video stream as well."""
    moving = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
    if not moving:
        raise UnsupportedMediaType(f"This {kind} file has no moving picture, only sound or data.")
    name = moving[0].codec.name if moving[0].codec_context is not None else "unknown"
    if name not in DECODERS:
        raise UnsupportedMediaType(
            f"The {kind}'s codec is {name}; H.264, HEVC, VP8, VP9, AV1, MPEG-4 and MJPEG are supported."
        )
    return moving[0]


def _upright(frame: VideoFrame) -> images.Image:
    """Grey pixels from 0 (black) to 255 (white), turned as the file's display matrix says."""
    grey = frame.to_ndarray(format="gray").astype(np.uint8, copy=False)
    return images.Image(np.ascontiguousarray(np.rot90(grey, round(frame.rotation / 90))))


def _end_s(packet: "Packet[Stream]") -> float:
    """When a packet ends, in seconds; 0 for packets without a time."""
    if packet.pts is None or packet.time_base is None:
        return 0.0
    return float((packet.pts + (packet.duration or 0)) * packet.time_base)
