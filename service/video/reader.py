"""A video file as a lazy sequence of timed, upright, grey frames.

PyAV and not OpenCV's VideoCapture, measured with av 18.1 and OpenCV 4.14 (both carry FFmpeg 8.1, both read from memory,
both take 1.2 ms of one core for a frame of 640 x 360 and 12 ms for one of 1920 x 1080, H.264, every sixth made grey):
- A WebM of 49 kB that says 320 x 180 and grows to 12,000 x 12,000 takes 751 MB in OpenCV, which has no limit for it;
  `max_pixels` of FFmpeg's decoders, which PyAV can set, ends it at 35 MB.
- OpenCV's `grab` is False after damage as after the last frame; PyAV raises, and with `err_detect=explode` also for
  the damaged AVI of which both otherwise lose two frames of 72 in silence. A WebM's demuxer steps over damage (18
  frames of 120 gone) and says so in FFmpeg's log alone, which PyAV hands over.
- In a file of variable frame rate OpenCV turns a time into a frame number by the mean rate: asked for 0.5 s it goes to
  1.0 s, for 0.95 s to 1.33 s. PyAV goes to the exact frame.
- OpenCV guesses the container; here the demuxer is the one of the first bytes (a playlist would make FFmpeg open
  addresses and files), and only decoders of DECODERS ever run.
The price is 107 MB on disk, and that PyAV's wheels carry x264 and x265, so that their FFmpeg is under the GPL.

A file is read from memory, whole: an MP4 may have its index at the end. The work runs on one core, which bounds the
frames under way and leaves the other cores to others.
"""

import ctypes
import logging
import math
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
# FFmpeg would decode the first frames of every stream, of any size, by any decoder, for facts not needed here; and it
# would read ahead, where damage could not be told from damage later on. Cameras write up to eight streams.
_OPENING = {"codec_whitelist": "none", "probesize": "32", "max_streams": "16"}
# Room for what is no picture: the list of an MP4's frames takes 24 bytes for each.
_SMALLEST_MOST_BYTES = 2**24
# Enough for the first atom's name and for what `files.media_type` looks at.
_HEAD = 512
# Matroska rounds times to milliseconds.
SLACK_S = 0.0005
# FFmpeg enters a file by the time of decoding, which in an MP4 can be some frames before the time of showing.
EARLIER_S = 1.0
# How much of the declared duration a whole file may lack: sound and picture seldom end together.
MISSING_S = 0.5

# A demuxer that steps over damage says so in FFmpeg's log alone: it is listened to, and goes nowhere else.
av.logging.set_level(av.logging.ERROR)
av.logging.set_skip_repeated(False)
logging.getLogger("libav").setLevel(logging.CRITICAL + 1)


@dataclass(frozen=True)
class Frame:
    """A frame at its time in the file."""

    time_s: float
    image: images.Image


class Video:
    """An open video file. For one thread, `stop` apart.

    Raises UnsupportedMediaType, UndecodableVideo, VideoTooLong, VideoTooManyPixels; the last three also from `frames`,
    after all frames before the damage, or where the file is not what it declares.
    """

    def __init__(self, file: IO[bytes], *, max_pixels: int, max_s: float) -> None:
        self._max_pixels, self._max_s = max_pixels, max_s
        self._stopped = threading.Event()
        self._read_to_s = 0.0
        self.frames_read = 0
        _limit_allocations(max(_SMALLEST_MOST_BYTES, 4 * max_pixels))
        self._container, kind = _open(file)
        try:
            self._stream = _picture(self._container, kind)
            self._check_pixels(self._stream.codec_context.width, self._stream.codec_context.height)
            duration = self._container.duration
            self._declared_s = duration / av.time_base if duration else None
            self._check_time(self._declared_s or 0.0)
        except BaseException:
            self._container.close()
            raise

    @property
    def duration_s(self) -> float:
        """As declared; without that, where the last frame read ends."""
        return self._read_to_s if self._declared_s is None else self._declared_s

    def frames(self, *, fps: float, from_s: float = 0.0, to_s: float | None = None) -> Iterator[Frame]:
        """At most `fps` frames a second with from_s <= time_s < to_s, even in time however unevenly they were taken."""
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
        """End `frames` within a packet's time. For any thread."""
        self._stopped.set()

    def close(self) -> None:
        self._container.close()

    def _decoded(self, from_s: float) -> Iterator[tuple[float, VideoFrame]]:
        """Frames in the order of their times, in seconds, from a key frame at or before `from_s` on."""
        context = self._stream.codec_context
        context.thread_count = 1
        # Decoders work on whole blocks, so a little more than the limit; the frame itself is checked below.
        context.options = {"err_detect": "explode", "max_pixels": str(2 * self._max_pixels)}
        if from_s > 0:
            # A file that cannot be entered in the middle is read from its start.
            with suppress(av.FFmpegError):
                self._container.seek(int(max(0.0, from_s - EARLIER_S) * av.time_base))
        try:
            for packet in self._packets():
                for frame in self._stream.decode(packet):
                    yield self._timed(frame), frame
        except (av.FFmpegError, UndecodableVideo) as error:
            # What the decoder holds back to put it into order came before the damage.
            with suppress(av.FFmpegError):
                for frame in self._stream.decode(None):
                    yield self._timed(frame), frame
            if isinstance(error, UndecodableVideo):
                raise
            raise UndecodableVideo(f"The video is damaged after {self._read_to_s:.3f} s.") from error

    def _packets(self) -> Iterator["Packet[Stream]"]:
        """The picture's packets. Raises UndecodableVideo where the file is cut short."""
        ended_s = 0.0
        packets = self._container.demux()
        while True:
            with av.logging.Capture() as logged:
                packet = next(packets, None)
            if packet is None or self._stopped.is_set():
                break
            # The demuxer speaks under all of its names: matroska,webm.
            if any(self._container.format.name in names.split(",") for _, names, _ in logged):
                raise UndecodableVideo(f"The video is damaged after {ended_s:.3f} s.")
            # Of sound as well: where it goes on after the picture, the file is not cut short.
            ended_s = max(ended_s, _end_s(packet))
            if packet.stream.index != self._stream.index:
                continue
            if packet.is_corrupt:
                raise UndecodableVideo(f"The video is damaged or cut short at {ended_s:.3f} s.")
            yield packet
        if not self._stopped.is_set() and self._declared_s is not None and ended_s < self._declared_s - MISSING_S:
            raise UndecodableVideo(f"The video is cut short: it ends at {ended_s:.3f} s of {self._declared_s:.3f} s.")

    def _timed(self, frame: VideoFrame) -> float:
        """A frame's time in seconds; where AVI gives none, the frames are evenly apart."""
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
                f"The video is {width} x {height} pixels; at most {self._max_pixels:,} in all are taken.",
                limit=self._max_pixels,
            )

    def _check_time(self, time_s: float) -> None:
        if time_s > self._max_s:
            raise VideoTooLong(f"The video is longer than {self._max_s:g} s.", limit=self._max_s)


def _limit_allocations(most_bytes: int) -> None:
    """For FFmpeg, each: an MP4 of two kilobytes can claim frames whose list takes gigabytes. PyAV lacks this call."""
    # Looked up through PyAV's own module, whose FFmpeg it is; where that cannot be done, the limit is FFmpeg's 2 GiB.
    with suppress(AttributeError):
        limit = ctypes.CDLL(av._core.__file__).av_max_alloc
        limit.argtypes, limit.restype = [ctypes.c_size_t], None
        limit(most_bytes)


def _open(file: IO[bytes]) -> tuple[InputContainer, str]:
    """The file and what its first bytes say it is."""
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


def _picture(container: InputContainer, kind: str) -> VideoStream:
    """The stream to look at: the first that moves; a song's cover is a video stream too."""
    moving = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
    if not moving:
        raise UnsupportedMediaType(f"This {kind} file holds no moving picture, only sound or data.")
    name = moving[0].codec.name if moving[0].codec_context is not None else "of an unknown kind"
    if name not in DECODERS:
        raise UnsupportedMediaType(
            f"The {kind}'s picture is {name}; H.264, HEVC, VP8, VP9, AV1, MPEG-4 and MJPEG are taken."
        )
    return moving[0]


def _upright(frame: VideoFrame) -> images.Image:
    """Grey over the full range from black to white, turned as the file's display matrix says."""
    grey = frame.to_ndarray(format="gray").astype(np.uint8, copy=False)
    return images.Image(np.ascontiguousarray(np.rot90(grey, round(frame.rotation / 90))))


def _end_s(packet: "Packet[Stream]") -> float:
    """Where a packet ends, in seconds; 0 for those without a time."""
    if packet.pts is None or packet.time_base is None:
        return 0.0
    return float((packet.pts + (packet.duration or 0)) * packet.time_base)
