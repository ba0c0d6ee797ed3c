"""Pure pixel functions: bytes to an upright grey image, crops, quality, heatmaps as PNG and JPEG; Box."""

import io
import os
from dataclasses import dataclass

# A second limit behind the one of `decode`. OpenCV reads this variable once, when it is first imported.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(2**27))

import cv2
import imagesize
import numpy as np
from numpy.typing import NDArray

from . import files
from .problems import ImageTooManyPixels, UndecodableImage, UnsupportedMediaType

Grey = NDArray[np.uint8]
"""Grey pixels, uint8 (height, width)."""

ACCEPTED = ("image/jpeg", "image/png", "image/webp")
OVERLAY_SIDE = 224
OVERLAY_OPACITY = 0.6


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels of the upright image: (x, y) is its top left corner, (0, 0) the image's top left corner."""

    x: int
    y: int
    width: int
    height: int

    @property
    def area(self) -> int:
        return self.width * self.height


@dataclass(frozen=True)
class Image:
    """An upright image (EXIF orientation applied)."""

    grey: Grey

    @property
    def size_wh(self) -> tuple[int, int]:
        return self.grey.shape[1], self.grey.shape[0]

    @property
    def box(self) -> Box:
        return Box(0, 0, *self.size_wh)


def decode(body: bytes, *, max_pixels: int) -> Image:
    """A JPEG, PNG or WebP file's bytes to an image; of an animation, the first frame.

    It is decoded to grey at once: the network's input is grey, and of a JPEG that takes a third of the time.
    Raises UnsupportedMediaType, ImageTooManyPixels (before anything is decoded), UndecodableImage, MemoryError.
    """
    kind = files.media_type(body)
    if kind not in ACCEPTED:
        raise UnsupportedMediaType(f"This is {kind}; send one of {', '.join(ACCEPTED)}.")
    body = files.checked(body, kind)
    width, height = _declared_size_wh(body)
    if width * height > max_pixels:
        raise ImageTooManyPixels(
            f"The image is {width} x {height} pixels; at most {max_pixels:,} in all are allowed.", limit=max_pixels
        )
    try:
        grey = cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_GRAYSCALE)
    except cv2.error as error:
        if error.code == cv2.Error.StsNoMem:
            raise MemoryError from error
        raise UndecodableImage(f"This {kind} file is damaged or cut short.") from error
    if grey is None:
        raise UndecodableImage(f"This {kind} file is damaged or cut short.")
    return Image(grey.astype(np.uint8, copy=False))


def _declared_size_wh(body: bytes) -> tuple[int, int]:
    try:
        width, height = imagesize.get(io.BytesIO(body))
    except Exception as error:  # hostile headers make the parser raise many kinds of exceptions
        raise UndecodableImage("The file's header is damaged.") from error
    if width <= 0 or height <= 0:
        raise UndecodableImage("The file's header names no width and height.")
    if body[8:16] == b"WEBPVP8 ":
        # The two bits above say how far to enlarge the picture (RFC 6386, 9.1); imagesize takes them for its size.
        width, height = width & 0x3FFF, height & 0x3FFF
    return int(width), int(height)


def framed(box: Box, margin: float) -> tuple[int, int, int]:
    """The square (x, y, side) that `crop` cuts: the box's longer side and `margin` of it on every side."""
    side = max(1, round(max(box.width, box.height) * (1 + 2 * margin)))
    return round(box.x + (box.width - side) / 2), round(box.y + (box.height - side) / 2), side


def cut(grey: Grey, box: Box, margin: float, degrees: float = 0.0) -> Grey:
    """The pixels of the square that `framed` gives, turned clockwise by `degrees` about its centre.

    Outside the image the edge pixels are repeated.
    """
    x, y, side = framed(box, margin)
    if degrees:
        return _cut_turned(grey, x, y, side, degrees)
    height, width = grey.shape
    inner = grey[max(y, 0) : min(y + side, height), max(x, 0) : min(x + side, width)]
    around = max(-y, 0), max(y + side - height, 0), max(-x, 0), max(x + side - width, 0)
    if not any(around):
        return inner
    return cv2.copyMakeBorder(inner, *around, cv2.BORDER_REPLICATE).astype(np.uint8, copy=False)


def _cut_turned(grey: Grey, x: int, y: int, side: int, degrees: float) -> Grey:
    # Pixels are points for OpenCV here: the first one's centre is at 0.
    turn = cv2.getRotationMatrix2D((x + (side - 1) / 2, y + (side - 1) / 2), degrees, 1)
    turn[:, 2] -= x, y
    return cv2.warpAffine(grey, turn, (side, side), borderMode=cv2.BORDER_REPLICATE).astype(np.uint8, copy=False)


def resize(grey: Grey, size_wh: tuple[int, int]) -> Grey:
    """Grey pixels at another size: averaged when it is smaller, interpolated (bilinear) when it is larger."""
    shrinks = size_wh[0] < grey.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(grey, size_wh, interpolation=method).astype(np.uint8, copy=False)


def shrink(grey: Grey, size_wh: tuple[int, int]) -> Grey:
    """Grey pixels at a smaller size, averaged.

    Of a large image, blocks of whole pixels are averaged first where its size is a multiple of theirs, since OpenCV is
    slow at parts of pixels: that took 20 of the 60 ms of a photo of 12 megapixels, and takes 8. The photos of
    `python -m benchmarks.detection`, enlarged so far, show the same faces; boxes move by less than 1 % of their width.
    """
    height, width = grey.shape
    across, down = width / size_wh[0], height / size_wh[1]
    if not (across.is_integer() and down.is_integer()):
        # Small enough that a block which two pixels share blurs them little.
        sides = range(int(min(across, down) / 3), 1, -1)
        side = next((side for side in sides if width % side == height % side == 0), 1)
        if side > 1:
            grey = cv2.resize(grey, (width // side, height // side), interpolation=cv2.INTER_AREA).astype(
                np.uint8, copy=False
            )
    return cv2.resize(grey, size_wh, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def crop(grey: Grey, box: Box, size_wh: tuple[int, int], margin: float, degrees: float = 0.0) -> Grey:
    """A face as the network's input: uint8 (height, width) of `size_wh`. See `cut` for `degrees`."""
    return resize(cut(grey, box, margin, degrees), size_wh)


def sharpness(face: Grey) -> float:
    """Variance of the Laplacian (Pech-Pacheco et al. 2000) of a crop; higher is sharper."""
    return float(cv2.Laplacian(face, cv2.CV_32F).var())


def brightness(face: Grey) -> float:
    """Mean grey from 0 (black) to 1 (white)."""
    return float(face.mean() / np.iinfo(face.dtype).max)


def enlarge(heatmap: NDArray[np.float32], size_wh: tuple[int, int]) -> NDArray[np.float32]:
    """A heatmap float32 (h, w), at least 0, resized to `size_wh` and divided by its maximum; all 0 where that is 0."""
    peak = float(heatmap.max())
    scaled = heatmap / peak if peak > 0 else heatmap
    return cv2.resize(scaled, size_wh, interpolation=cv2.INTER_LINEAR).astype(np.float32, copy=False)


def _grey_map(heatmap: NDArray[np.float32], size_wh: tuple[int, int]) -> Grey:
    """The result of `enlarge` as grey pixels, black for 0 and white for 1."""
    return np.rint(enlarge(heatmap, size_wh) * np.iinfo(np.uint8).max).astype(np.uint8)


def encode_map(heatmap: NDArray[np.float32], size_wh: tuple[int, int]) -> bytes:
    """The bare heatmap as an 8-bit grey PNG of `size_wh`; the client colours it."""
    return encode(".png", _grey_map(heatmap, size_wh))


def encode_overlay(face: Grey, heatmap: NDArray[np.float32]) -> bytes:
    """The heatmap in colour over the grey face, a square JPEG of OVERLAY_SIDE pixels."""
    size_wh = (OVERLAY_SIDE, OVERLAY_SIDE)
    grey = _grey_map(heatmap, size_wh)
    picture = cv2.cvtColor(resize(face, size_wh), cv2.COLOR_GRAY2BGR).astype(np.float32)
    # The higher a value of the map, the less of the face shows through.
    opacity = OVERLAY_OPACITY * grey[..., None].astype(np.float32) / np.iinfo(np.uint8).max
    blended = picture * (1 - opacity) + cv2.applyColorMap(grey, cv2.COLORMAP_TURBO) * opacity
    return encode(".jpg", np.rint(blended).astype(np.uint8))


def encode(extension: str, pixels: NDArray[np.uint8]) -> bytes:
    """Pixels, grey or blue-green-red, as a file of the kind that `extension` names, such as `.png`."""
    _, encoded = cv2.imencode(extension, pixels)
    return encoded.tobytes()
