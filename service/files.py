"""What a file's first bytes say it is, and whether the lengths that it declares fit into it.

All of this runs before a decoder sees the file: OpenCV allocates what a PNG chunk's length claims, so that 57 bytes
took 2 GB of memory, and libpng inflates the text and the colour profile of a PNG, which nothing here reads.
"""

import re
import struct

from .problems import UndecodableImage

# First bytes of files, also of those that people send by mistake, and how each kind is named in an answer.
_SIGNATURES = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF8", "GIF"),
    (b"BM", "BMP"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"%PDF", "PDF"),
    (b"PK\x03\x04", "ZIP"),
    (b"\x7fELF", "an executable"),
    (b"\x1aE\xdf\xa3", "WebM or Matroska video"),
    (b"data:", "a data URI as text"),
)
_BRANDS = {
    b"heic": "HEIC",
    b"heix": "HEIC",
    b"mif1": "HEIF",
    b"avif": "AVIF",
    b"avis": "AVIF",
    b"qt  ": "QuickTime video",
}
# First atoms of QuickTime files from before `ftyp`.
_ATOMS = (b"moov", b"mdat", b"wide", b"free", b"skip")

# Chunks or segments of one file. An image of 10 MB whose encoder wrote them as small as one kilobyte has 10,000.
_MOST_PARTS = 50_000


def media_type(body: bytes) -> str:
    """The kind of a file by its first bytes: a media type for JPEG, PNG and WebP, otherwise a name for people."""
    if body[:4] == b"RIFF" and body[8:12] == b"WEBP":
        return "image/webp"
    if body[:4] == b"RIFF" and body[8:12] == b"AVI ":
        return "AVI video"
    if body[4:8] in _ATOMS:
        return "QuickTime video"
    if body[4:8] == b"ftyp":
        return _BRANDS.get(body[8:12], "MP4 video")
    for signature, name in _SIGNATURES:
        if body.startswith(signature):
            return name
    head = body[:512].lstrip().lower()
    if head.startswith(b"<"):
        return "SVG" if b"<svg" in head else "HTML or XML"
    return "text" if head.isascii() and b"\0" not in head else "an unknown kind of file"


def checked(body: bytes, kind: str) -> bytes:
    """The file for the decoder, without the parts that the decoder would inflate although nothing reads them.

    `kind` is the answer of `media_type`. Raises UndecodableImage where a part of the file claims more bytes than are
    left, or where there are more parts than any encoder writes.
    """
    match kind:
        case "image/png":
            return _checked_png(body)
        case "image/webp":
            _check_webp(body)
        case "image/jpeg":
            _check_jpeg(body)
    return body


# --- PNG, https://www.w3.org/TR/png-3/#5DataRep ------------------------------------------------

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_CHUNK = struct.Struct(">I4s")
_PNG_CRC_BYTES = 4
# Compressed text and colour profiles: each inflates to 8 MB before libpng stops it, and a file may hold hundreds.
_INFLATING = (b"iCCP", b"zTXt", b"iTXt")


def _checked_png(body: bytes) -> bytes:
    kept, kept_from = [], 0
    at = len(_PNG_SIGNATURE)
    for _ in range(_MOST_PARTS):
        if at + _PNG_CHUNK.size > len(body):
            raise UndecodableImage("The PNG file is cut short: it has no end chunk.")
        length, name = _PNG_CHUNK.unpack_from(body, at)
        end = at + _PNG_CHUNK.size + length + _PNG_CRC_BYTES
        if end > len(body):
            raise _too_long("PNG", at, length)
        if name in _INFLATING:
            kept.append(body[kept_from:at])
            kept_from = end
        if name == b"IEND":
            return b"".join((*kept, body[kept_from:end])) if kept else body
        at = end
    raise _too_many("PNG")


# --- WebP, https://developers.google.com/speed/webp/docs/riff_container ------------------------

_RIFF_CHUNK = struct.Struct("<4sI")


def _check_webp(body: bytes) -> None:
    _, length = _RIFF_CHUNK.unpack_from(body)
    end = _RIFF_CHUNK.size + length
    if end > len(body):
        raise _too_long("WebP", 0, length)
    at = _RIFF_CHUNK.size + len(b"WEBP")
    for _ in range(_MOST_PARTS):
        if at + _RIFF_CHUNK.size > end:
            return
        _, length = _RIFF_CHUNK.unpack_from(body, at)
        if at + _RIFF_CHUNK.size + length > end:
            raise _too_long("WebP", at, length)
        # A chunk of odd length is followed by a byte that its length does not count.
        at += _RIFF_CHUNK.size + length + length % 2
    raise _too_many("WebP")


# --- JPEG, ITU-T T.81, annex B -----------------------------------------------------------------

# Fill bytes and a marker; 0xFF00 is none.
_JPEG_MARKER = re.compile(rb"\xff+([^\x00\xff])")
_JPEG_SCAN, _JPEG_END = 0xDA, 0xD9
# Each scan of a progressive file goes over all pixels again: 1,006 of them in 162 kB take 15 s for 25 megapixels.
# An encoder writes about ten.
_MOST_SCANS = 100
# TEM, RST0 to RST7 and SOI have no length.
_JPEG_BARE = (0x01, *range(0xD0, 0xD9))


def _check_jpeg(body: bytes) -> None:
    """Checks the segments before the first scan, and the number of scans.

    After the first, lengths claim at most 64 kB each, and a file that is cut short there is the decoder's to judge.
    """
    at = 0
    for _ in range(_MOST_PARTS):
        marker = _JPEG_MARKER.search(body, at)
        if marker is None or marker[1][0] == _JPEG_END:
            raise UndecodableImage("The JPEG file is damaged or cut short: it holds no picture.")
        at = marker.end()
        if marker[1][0] in _JPEG_BARE:
            continue
        # The length counts its own two bytes.
        length = int.from_bytes(body[at : at + 2], "big")
        if length < 2 or at + length > len(body):
            raise _too_long("JPEG", at, length)
        if marker[1][0] == _JPEG_SCAN:
            # Pixels hold no such pair of bytes: 0xFF is followed by 0 there.
            if body.count(bytes((0xFF, _JPEG_SCAN)), at) >= _MOST_SCANS:
                raise UndecodableImage(f"The JPEG file has more than {_MOST_SCANS} scans.")
            return
        at += length
    raise _too_many("JPEG")


def _too_long(name: str, at: int, length: int) -> UndecodableImage:
    return UndecodableImage(
        f"The {name} file is damaged or cut short: it ends within the {length:,} bytes that are declared at byte {at}."
    )


def _too_many(name: str) -> UndecodableImage:
    return UndecodableImage(f"The {name} file has more than {_MOST_PARTS:,} parts.")
