"""A video file as PyAV opens it: which stream is read, where its time begins, and how long it says that it is.

The first bytes decide the demuxer (FFmpeg's choice could be a playlist, which opens URLs and files), and only the
decoders of DECODERS run.
"""

import ctypes
import importlib
import logging
import pkgutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO, Any

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from .. import files
from ..problems import UndecodableVideo, UnsupportedMediaType

ACCEPTED = ("video/mp4", "video/webm", "video/quicktime", "video/x-msvideo")
DECODERS = ("h264", "hevc", "vp8", "vp9", "libvpx", "libvpx-vp9", "av1", "libdav1d", "mpeg4", "mjpeg")
_MATROSKA = "WebM or Matroska video"
_DEMUXERS = {"MP4 video": "mov", "QuickTime video": "mov", _MATROSKA: "matroska", "AVI video": "avi"}
# Otherwise FFmpeg decodes the first frames of every stream, of any size and with any decoder, for facts that are not
# needed here, and reads ahead, so that the place of damage is not known. Cameras write up to eight streams.
_OPENING = {"codec_whitelist": "none", "probesize": "32", "max_streams": "16"}
# Memory for what is not pixels: the list of an MP4's frames needs 24 bytes for each of them.
_SMALLEST_MOST_BYTES = 2**24
# Titles and the like in any encoding: nothing here reads them. From PyAV 19 on that is so without asking.
_METADATA: dict[str, Any] = {} if int(av.__version__.partition(".")[0]) >= 19 else {"metadata_errors": "replace"}
# Enough for the first atom's name and for what `files.media_type` looks at.
_HEAD = 512
# PyAV's command line, and its samples, which are files elsewhere.
_NOT_NEEDED = ("av.__main__", "av.datasets")

# A demuxer that skips damage reports it in FFmpeg's log only: the log is captured, and written nowhere else.
av.logging.set_level(av.logging.ERROR)
av.logging.set_skip_repeated(False)
logging.getLogger("libav").setLevel(logging.CRITICAL + 1)


@dataclass(frozen=True)
class Opened:
    """An open file, and the stream of it that is read.

    `zero_s` is the time on the file's own clock at which its first stream begins: the zero of every time that is told,
    as a piece of a longer recording may begin anywhere. `declared_s` is the length that the file declares, from there;
    None where it declares none.
    """

    container: InputContainer
    stream: VideoStream
    zero_s: float
    declared_s: float | None


def open_video(file: IO[bytes], max_pixels: int) -> Opened:
    """Raises UnsupportedMediaType, UndecodableVideo."""
    _limit_allocations(max(_SMALLEST_MOST_BYTES, 4 * max_pixels))
    kind = _kind(file)
    container = _open(file, kind)
    with closed_on_error(container):
        stream = _video_stream(container, kind)
        start, duration = container.start_time, container.duration
        zero_s = _first_time_s(container, stream) if start is None else start / av.time_base
    if start is None:
        # What was looked at has to be read again.
        container.close()
        file.seek(0)
        container = _open(file, kind)
        with closed_on_error(container):
            stream = _video_stream(container, kind)
    declared_s = duration / av.time_base if duration else None
    if declared_s is not None and kind == _MATROSKA:
        # Matroska declares the time at which a file ends; the other containers declare a length.
        declared_s = max(0.0, declared_s - zero_s)
    return Opened(container, stream, zero_s, declared_s)


@contextmanager
def closed_on_error(container: InputContainer) -> Iterator[None]:
    try:
        yield
    except BaseException:
        container.close()
        raise


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


def _kind(file: IO[bytes]) -> str:
    """The kind of the file by its first bytes, to which it is returned."""
    kind = files.media_type(file.read(_HEAD))
    file.seek(0)
    if kind not in _DEMUXERS:
        raise UnsupportedMediaType(f"This is {kind}; send one of {', '.join(ACCEPTED)}.")
    return kind


def _open(file: IO[bytes], kind: str) -> InputContainer:
    try:
        container: InputContainer = av.open(file, "r", _DEMUXERS[kind], container_options=_OPENING, **_METADATA)
    except av.FFmpegError as error:
        raise UndecodableVideo(f"This {kind} cannot be opened: it is damaged, cut short or empty.") from error
    return container


def _video_stream(container: InputContainer, kind: str) -> VideoStream:
    """The default one of the streams of moving pictures, or the first; a sound file's cover is a video stream, too."""
    moving = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
    if not moving:
        raise UnsupportedMediaType(f"This {kind} file has no moving picture, only sound or data.")
    stream = next((each for each in moving if each.disposition & Disposition.default), moving[0])
    name = stream.codec.name if stream.codec_context is not None else "unknown"
    if name not in DECODERS:
        raise UnsupportedMediaType(
            f"The {kind}'s codec is {name}; H.264, HEVC, VP8, VP9, AV1, MPEG-4 and MJPEG are supported."
        )
    return stream


def _first_time_s(container: InputContainer, stream: VideoStream) -> float:
    """The earliest time among the first packets, up to the first one of `stream`."""
    earliest_s = None
    with suppress(av.FFmpegError):
        for packet in container.demux():
            begins_s = begin_s(packet)
            if begins_s is not None:
                earliest_s = begins_s if earliest_s is None else min(earliest_s, begins_s)
            if packet.stream.index == stream.index:
                break
    return earliest_s or 0.0


def begin_s(packet: "Packet[Stream]") -> float | None:
    """When a packet is to be shown or heard, in seconds of the file's own clock; None for packets without a time."""
    if packet.pts is None or packet.time_base is None:
        return None
    return float(packet.pts * packet.time_base)
