"""Files that were made to hurt: claims without content, work out of proportion to size. All are made on the spot."""

import io
import struct
import zlib
from typing import Any

import av
import cv2
import numpy as np


def claims() -> list[bytes]:
    """A length or a size is claimed that the file does not have, in each container format."""
    png = b"\x89PNG\r\n\x1a\n" + _png_chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0))
    scan = b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00"
    return [
        png + struct.pack(">I", 2**31 - 1) + b"IDAT" + bytes(50),
        b"\x89PNG\r\n\x1a\n" + _png_chunk(b"IHDR", struct.pack(">IIBBBBB", 2**31 - 1, 2**31 - 1, 8, 0, 0, 0, 0)),
        b"RIFF" + struct.pack("<I", 2**32 - 10) + b"WEBPVP8 " + struct.pack("<I", 2**32 - 22) + bytes(50),
        b"\xff\xd8\xff\xe1\xff\xff" + b"Exif\x00\x00" + bytes(50),
        b"\xff\xd8\xff\xc0\x00\x0b\x08" + struct.pack(">HH", 65_000, 65_000) + b"\x01\x01\x11\x00" + scan + bytes(50),
        _one_bit_png(20_000),
    ]


def _png_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _one_bit_png(side: int) -> bytes:
    """A black square of one bit a pixel."""
    rows = zlib.compress(bytes((1 + side // 8) * side), 9)
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", rows), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_png_chunk(*chunk) for chunk in chunks)


def many_scans(count: int = 1000) -> bytes:
    """A progressive JPEG whose last scan, which refines each coefficient, stands in it so many times."""
    noise = np.random.default_rng(0).integers(0, 255, (1000, 1000), np.uint8)
    _, encoded = cv2.imencode(".jpg", noise, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1, cv2.IMWRITE_JPEG_QUALITY, 5])
    jpeg = encoded.tobytes()
    last = jpeg.rindex(b"\xff\xda")
    return jpeg[:last] + jpeg[last:-2] * count + jpeg[-2:]


def white(width: int, height: int) -> bytes:
    """A PNG that costs nothing to send."""
    _, encoded = cv2.imencode(".png", np.full((height, width), 255, np.uint8))
    return encoded.tobytes()


def small_video(frames: int = 10) -> bytes:
    """An MP4 of 64 x 48 pixels."""
    file = io.BytesIO()
    with av.open(file, "w", "mp4") as output:
        stream: Any = output.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(frames):
            output.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64), np.uint8), format="gray")))
        output.mux(stream.encode(None))
    return file.getvalue()
