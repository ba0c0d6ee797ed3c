"""Pictures that the service does not take: Pillow opens them, where it is installed."""

import io
import warnings
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from fer_client.cli.files import VIDEO_SUFFIXES

IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
EXTRA = 'pip install "fer-client[pictures]" to read it'
# What phones and cameras write most, so that they are named also where nothing opens them.
_KNOWN = {".heic", ".heif", ".avif", ".tif", ".tiff", ".bmp", ".gif", ".jxl", ".jp2"}
_JPEG_QUALITY = 95


def no_photo(path: Path) -> str | None:
    """Why a file is not read by `fer predict`; None where it is."""
    suffix = path.suffix.lower()
    if suffix in IMAGE_SUFFIXES or is_converted(path):
        return None
    if suffix in VIDEO_SUFFIXES:
        return "a video: fer video reads it"
    return EXTRA if suffix in _KNOWN else "no photo"


def is_converted(path: Path) -> bool:
    """Whether a file has to be opened here, and can be: neither JPEG, PNG nor WebP, but a picture of Pillow's."""
    suffix = path.suffix.lower()
    return suffix not in IMAGE_SUFFIXES and suffix in _opened_by_pillow()


def converted(path: Path) -> bytes:
    """The picture as JPEG, upright and in its own size. Raises OSError where Pillow cannot open it."""
    from PIL import Image, ImageOps

    file = io.BytesIO()
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(path) as picture:
            ImageOps.exif_transpose(picture).convert("RGB").save(file, "JPEG", quality=_JPEG_QUALITY)
    except OSError:
        raise
    # Its readers raise whatever a damaged file makes them meet.
    except Exception as error:
        raise OSError(f"Pillow cannot open it: {error}") from error
    return file.getvalue()


@cache
def _opened_by_pillow() -> Mapping[str, str]:
    """The kinds of picture that Pillow opens here, by suffix; none without Pillow."""
    try:
        from PIL import Image
    except ImportError:
        return {}
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        pass
    else:
        register_heif_opener()
    opened = Image.registered_extensions()
    # It also "opens" videos, documents and data, of which it shows a picture at best.
    kinds = {".heic", ".heif", ".avif", ".tif", ".tiff", ".bmp", ".gif", ".jp2", ".ppm", ".pgm", ".tga"}
    return {suffix: opened[suffix] for suffix in kinds & opened.keys() if opened[suffix] in Image.OPEN}
