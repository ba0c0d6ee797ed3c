"""Pictures in the forms in which programs hold them, as the bytes of a file."""

import io
import os
import struct
import zlib
from typing import Any, Protocol, runtime_checkable

_PNG = b"\x89PNG\r\n\x1a\n"
# PNG's colour types, by the number of an array's channels.
_COLOUR_TYPES = {1: 0, 3: 2, 4: 6}
_FAST = 1


@runtime_checkable
class Readable(Protocol):
    """An open binary file."""

    def read(self) -> bytes: ...


@runtime_checkable
class Array(Protocol):
    """Pixels, uint8 (height, width) grey or (height, width, 3 or 4) red, green, blue, alpha; such as NumPy's."""

    @property
    def __array_interface__(self) -> dict[str, Any]: ...

    def tobytes(self) -> bytes: ...


@runtime_checkable
class Picture(Protocol):
    """An image of Pillow's; it is turned upright as its EXIF data say."""

    def getexif(self) -> Any: ...

    def convert(self, mode: str) -> Any: ...


Image = bytes | bytearray | memoryview | str | os.PathLike[str] | Readable | Array | Picture
"""A picture: a file's bytes, its path, an open binary file, pixels as an array, or an image of Pillow's."""


def body_of(image: Image) -> bytes | str | os.PathLike[str]:
    """The bytes of an image file, or its path. Raises TypeError, and ValueError for an array of another shape or type.

    An array is red, green, blue; one of OpenCV's is turned round by `[..., ::-1]`.
    """
    match image:
        case bytes() | str() | os.PathLike():
            return image
        case bytearray() | memoryview():
            return bytes(image)
        # It is an array as well, but has to be turned upright.
        case Picture():
            return picture_file(image)
        case Array():
            return _array_file(image)
        case Readable():
            content = image.read()
            if isinstance(content, bytes):
                return content
            raise TypeError('the file is open as text; open it with "rb"')
    raise TypeError(f"{type(image).__name__} is no picture: bytes, a path, an open file, an array, or Pillow's image")


def picture_file(picture: Any) -> bytes:
    """An image of Pillow's as a PNG file, upright."""
    from PIL import ImageOps

    upright = ImageOps.exif_transpose(picture)
    if upright.mode not in ("L", "RGB"):
        upright = upright.convert("RGB")
    width, height = upright.size
    return _png(upright.tobytes(), width, height, len(upright.getbands()))


def _array_file(array: Array) -> bytes:
    interface = array.__array_interface__
    shape, kind = tuple(interface["shape"]), interface["typestr"]
    channels = shape[2] if len(shape) == 3 else 1
    if len(shape) not in (2, 3) or channels not in _COLOUR_TYPES or kind[1:] != "u1" or 0 in shape:
        raise ValueError(
            f"an array of shape {shape} and type {kind} is no picture: uint8, (height, width) or (height, width, 3)"
        )
    return _png(array.tobytes(), shape[1], shape[0], channels)


def _png(pixels: bytes, width: int, height: int, channels: int) -> bytes:
    """Rows of pixels, a byte for each channel, as a PNG file."""
    stride = width * channels
    file = io.BytesIO()
    compressor = zlib.compressobj(_FAST)
    for row in range(height):
        # Each row begins with the number of its filter: none.
        file.write(compressor.compress(b"\0" + pixels[row * stride : (row + 1) * stride]))
    file.write(compressor.flush())
    header = struct.pack(">IIBBBBB", width, height, 8, _COLOUR_TYPES[channels], 0, 0, 0)
    return _PNG + _chunk(b"IHDR", header) + _chunk(b"IDAT", file.getvalue()) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
