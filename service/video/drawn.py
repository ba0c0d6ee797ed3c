"""The answer as a video: the frames with what was found in them, as fragmented MP4 or WebM.

VP9 by libvpx, which is free to use. The wheel of PyAV has an encoder for H.264 as well, x264, but that is under the GPL
while the wheel's FFmpeg says LGPL, and H.264 needs a licence of its patents in places.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import av

from ..analysis import Face
from ..drawing import Colours, draw
from .frames import Frame

MEDIA_TYPES = {"mp4": "video/mp4", "webm": "video/webm"}
# Bounds the encoder's work and memory for a frame; larger frames are made smaller.
LONGEST_SIDE_PX = 1280
_TIME_BASE = Fraction(1, 1000)
# A key frame, and with it a piece of the answer, at least every so many frames.
_KEY_FRAMES = 48
# Constant quality, as fast as for a live picture. One thread: the other cores are for other requests.
_ENCODER = {"deadline": "realtime", "cpu-used": "7", "crf": "30", "b": "0", "lag-in-frames": "0"}
_MUXERS: dict[str, dict[str, str]] = {
    "mp4": {"movflags": "frag_keyframe+empty_moov+default_base_moof+delay_moov"},
    # Without a length and an index in its header, to which it could not go back.
    "webm": {"live": "1", "cluster_time_limit": "1000"},
}


class DrawnVideo:
    """Takes frames in the order of their times, gives the file piece by piece; holds a few frames and no more."""

    def __init__(self, form: str) -> None:
        self._sink = _Sink()
        self._container = av.open(self._sink, "w", form, options=_MUXERS[form])
        self._stream: Any = None
        self._size_wh = (0, 0)
        self._from_s = 0.0
        self._latest = -1

    def add(self, frame: Frame, faces: Sequence[Face]) -> bytes:
        """The frame with its faces drawn; the bytes of the file that are ready, which may be none."""
        if self._stream is None:
            self._begin(frame)
        encoded = av.VideoFrame.from_ndarray(draw(frame.colours, faces), format="bgr24")
        # Two frames in the same millisecond would be refused.
        self._latest = max(self._latest + 1, round((frame.time_s - self._from_s) / _TIME_BASE))
        encoded.pts, encoded.time_base = self._latest, _TIME_BASE
        width, height = self._size_wh
        self._container.mux(self._stream.encode(encoded.reformat(width, height, "yuv420p")))
        return self._sink.taken()

    def end(self) -> bytes:
        """The rest of the file; of a video without frames, nothing."""
        if self._stream is None:
            return b""
        self._container.mux(self._stream.encode(None))
        self._container.close()
        return self._sink.taken()

    def _begin(self, frame: Frame) -> None:
        self._from_s = frame.time_s
        self._size_wh = size_wh(frame.colours)
        self._stream = self._container.add_stream("libvpx-vp9", rate=30, options=_ENCODER)
        self._stream.width, self._stream.height = self._size_wh
        self._stream.pix_fmt = "yuv420p"
        self._stream.codec_context.time_base = _TIME_BASE
        self._stream.codec_context.gop_size = _KEY_FRAMES
        self._stream.codec_context.thread_count = 1


def size_wh(picture: Colours) -> tuple[int, int]:
    """The size in which frames like this one are encoded; even numbers, which the encoder needs."""
    height, width = picture.shape[:2]
    scale = min(1.0, LONGEST_SIDE_PX / max(width, height))
    return max(2, 2 * round(width * scale / 2)), max(2, 2 * round(height * scale / 2))


class _Sink:
    """A file that only grows: what is written can be taken, once."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, part: bytes) -> int:
        self._parts.append(bytes(part))
        return len(part)

    def taken(self) -> bytes:
        whole = b"".join(self._parts)
        self._parts.clear()
        return whole
