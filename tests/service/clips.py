"""Videos made on the spot, with PyAV."""

import io
import math
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any

import av
import numpy as np

from service.images import Grey

SIZE_WH = (64, 48)
# As for a live picture, or libvpx takes its time over each.
FAST = {"deadline": "realtime", "cpu-used": "8"}


def encode(
    pictures: Iterable[tuple[float, Grey]],
    *,
    container: str = "mp4",
    codec: str = "libx264",
    size_wh: tuple[int, int] = SIZE_WH,
    options: dict[str, str] | None = None,
) -> bytes:
    """A video of grey pictures, each at its time in seconds."""
    file = io.BytesIO()
    with av.open(file, "w", container, options=options or {}) as output:
        stream: Any = output.add_stream(codec, rate=30, options=FAST if codec.startswith("libvpx") else {})
        stream.width, stream.height = size_wh
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.codec_context.time_base = Fraction(1, 30 if container == "avi" else 1000)
        # One thread: what an encoder decides then depends on nothing else that runs.
        stream.codec_context.thread_count = 1
        output.start_encoding()
        for time_s, pixels in pictures:
            frame = av.VideoFrame.from_ndarray(pixels, format="gray").reformat(format=stream.pix_fmt)
            frame.pts, frame.time_base = round(time_s / stream.codec_context.time_base), stream.codec_context.time_base
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return file.getvalue()


_clips: dict[str, bytes] = {}


def clip(times_s: Sequence[float], **options: Any) -> bytes:
    """As `encode_clip`; each is encoded once."""
    key = repr((times_s, sorted(options.items())))
    if key not in _clips:
        _clips[key] = encode_clip(times_s, **options)
    return _clips[key]


def encode_clip(times_s: Sequence[float], *, grain: int = 1, size_wh: tuple[int, int] = SIZE_WH, **named: Any) -> bytes:
    """A video with a nearly black frame at each time, a white corner top left; `grain` is how far its noise goes."""
    noise = np.random.default_rng(0)

    def picture() -> Grey:
        pixels = noise.integers(16, 16 + grain, size_wh[::-1], np.uint8)
        pixels[: size_wh[1] // 2, : size_wh[0] // 2] = 255
        return pixels

    return encode(((time_s, picture()) for time_s in times_s), size_wh=size_wh, **named)


def lasting(body: bytes, seconds: float) -> bytes:
    """An MP4's pictures over and over, without encoding them again, until they have lasted so long."""
    file = io.BytesIO()
    with av.open(io.BytesIO(body), "r") as source, av.open(file, "w", "mp4") as output:
        pictures = source.streams.video[0]
        base, length = pictures.time_base or Fraction(1), pictures.duration or 0
        packets = [(packet, packet.pts, packet.dts) for packet in source.demux(pictures) if packet.dts is not None]
        stream = output.add_stream_from_template(pictures)
        for shift in range(0, round(seconds / base), length):
            for packet, pts, dts in packets:
                # The muxer has put its own time base into it.
                packet.stream, packet.time_base = stream, base
                packet.pts, packet.dts = (pts or 0) + shift, (dts or 0) + shift
                output.mux(packet)
    return file.getvalue()


def turned(body: bytes, degrees: int) -> bytes:
    """An MP4 whose track header says that it is to be shown turned counter-clockwise."""
    cosine, sine = (round(math.cos(math.radians(degrees))), round(math.sin(math.radians(degrees))))
    return with_matrix(body, cosine, -sine, sine, cosine)


def with_matrix(body: bytes, a: float, b: float, c: float, d: float) -> bytes:
    """An MP4 whose track header has this display matrix (ISO 14496-12, 8.3.2)."""
    before, after = (
        b"".join(round(value * 65536).to_bytes(4, "big", signed=True) for value in (p, q, 0, r, s, 0, 0, 0, 16384))
        for p, q, r, s in ((1, 0, 0, 1), (a, b, c, d))
    )
    at = body.index(before, body.index(b"tkhd"))
    return body[:at] + after + body[at + len(after) :]


def noisy(body: bytes) -> bytes:
    """A tenth of it overwritten, in its second half."""
    at, size = len(body) * 6 // 10, len(body) // 10
    noise = np.random.default_rng(1).integers(0, 256, size, np.uint8).tobytes()
    return body[:at] + noise + body[at + size :]


def steady(seconds: float, fps: int = 30) -> list[float]:
    return [number / fps for number in range(round(seconds * fps))]
