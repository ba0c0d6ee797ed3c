"""What a file's first bytes say, and files that declare more than they hold."""

import struct
import subprocess
import sys
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from service import files, images
from service.problems import UndecodableImage
from tests.service.conftest import ROOT

MAX_PIXELS = 25_000_000
SIGNATURE = b"\x89PNG\r\n\x1a\n"
RAMP = np.tile(np.arange(32, dtype=np.uint8), (32, 1))


def chunk(name: bytes, data: bytes, claimed: int | None = None) -> bytes:
    """A PNG chunk, whose length may lie."""
    length = len(data) if claimed is None else claimed
    return struct.pack(">I4s", length, name) + data + struct.pack(">I", zlib.crc32(name + data))


HEADER = chunk(b"IHDR", struct.pack(">2I5B", 32, 32, 8, 0, 0, 0, 0))
PIXELS = chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row.tobytes() for row in RAMP)))
END = chunk(b"IEND", b"")
EIGHT_MB = zlib.compress(bytes(7_900_000), 9)
INFLATING = [
    chunk(b"zTXt", b"key\0\0" + EIGHT_MB),
    chunk(b"iTXt", b"key\0\1\0\0\0" + EIGHT_MB),
    chunk(b"iCCP", b"profile\0\0" + EIGHT_MB),
]


def webp() -> bytes:
    """A lossy WebP file in the simple form: one chunk, VP8."""
    return cv2.imencode(".webp", RAMP, [cv2.IMWRITE_WEBP_QUALITY, 90])[1].tobytes()


def jpeg(*, progressive: bool = False) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)
    return cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_PROGRESSIVE, int(progressive)])[1].tobytes()


def riff(*chunks: tuple[bytes, bytes, int]) -> bytes:
    """A WebP file of chunks (name, data, claimed length)."""
    body = b"".join(name + struct.pack("<I", claimed) + data for name, data, claimed in chunks)
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def decoded(body: bytes) -> images.Grey:
    return images.decode(body, max_pixels=MAX_PIXELS).grey


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"", "text"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        (b"RIFF\0\0\0\0WAVEfmt ", "an unknown kind of file"),
        (b"GIF89a", "GIF"),
        (b"\0\0\0\x18ftypheic", "HEIC"),
        (b"\0\0\0\x18ftypavif", "AVIF"),
        (b"\0\0\0\x18ftypisom", "MP4 video"),
        (b"<?xml version='1.0'?><svg>", "SVG"),
        (b"  <!doctype html>", "HTML or XML"),
        (b"%PDF-1.7", "PDF"),
        (b"hello", "text"),
        (b"\x80\x81", "an unknown kind of file"),
    ],
)
def test_the_first_bytes_say_what_a_file_is(head: bytes, name: str) -> None:
    assert files.media_type(head) == name


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(SIGNATURE + HEADER + struct.pack(">I4s", 2**31 - 1, b"IDAT") + bytes(16), id="png, 57 bytes"),
        pytest.param(SIGNATURE + HEADER + struct.pack(">I4s", 2**32 - 1, b"IDAT") + PIXELS, id="png, 4 GiB"),
        pytest.param(SIGNATURE + HEADER + PIXELS + struct.pack(">I4s", 2**31 - 1, b"tEXt"), id="png, text"),
        pytest.param(SIGNATURE + HEADER + PIXELS + END[:-2], id="png, the last checksum"),
        pytest.param(SIGNATURE + HEADER + PIXELS, id="png, no end"),
        pytest.param(webp()[:-2], id="webp, cut short"),
        pytest.param(riff((b"VP8 ", webp()[20:], 2**31 - 2)), id="webp, pixels"),
        pytest.param(riff((b"VP8 ", webp()[20:], len(webp()) - 20), (b"EXIF", b"", 2**30)), id="webp, metadata"),
        pytest.param(jpeg()[:2] + b"\xff\xe2\xff\xff" + jpeg()[2:], id="jpeg, profile"),
        pytest.param(jpeg()[:2] + b"\xff\xe2\0\1" + jpeg()[2:], id="jpeg, a length below its own"),
        pytest.param(jpeg()[:300], id="jpeg, no scan"),
        pytest.param(SIGNATURE + HEADER + chunk(b"tEXt", b"") * 60_000 + PIXELS + END, id="png, 60,000 chunks"),
        pytest.param(jpeg()[:2] + b"\xff\xfe\0\2" * 60_000 + jpeg()[2:], id="jpeg, 60,000 comments"),
        pytest.param(jpeg(progressive=True)[:-2] + b"\xff\xda\0\2" * 100, id="jpeg, a hundred scans more"),
        pytest.param(riff(*[(b"JUNK", b"", 0)] * 60_000), id="webp, 60,000 chunks"),
    ],
)
def test_more_than_a_file_holds_is_refused_before_it_is_decoded(body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    def decode(*_: object) -> None:
        raise AssertionError("the decoder has seen it")

    monkeypatch.setattr(cv2, "imdecode", decode)
    with pytest.raises(UndecodableImage):
        decoded(body)


def test_claims_take_no_memory(tmp_path: Path) -> None:
    """In a process of its own, whose most memory ever is known: 2 GB went to a file of 57 bytes."""
    paths = []
    for number, body in enumerate(
        [
            SIGNATURE + HEADER + struct.pack(">I4s", 2**31 - 1, b"IDAT") + bytes(16),
            SIGNATURE + HEADER + struct.pack(">I4s", 2**32 - 1, b"IDAT") + PIXELS,
        ]
    ):
        paths.append(tmp_path / f"{number}.png")
        paths[-1].write_bytes(body)
    assert len(paths[0].read_bytes()) == 57
    code = """
import contextlib, pathlib, resource, sys
from service import images
from service.problems import UndecodableImage
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in sys.argv[1:]:
    with contextlib.suppress(UndecodableImage):
        images.decode(pathlib.Path(path).read_bytes(), max_pixels=25_000_000)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""
    command = [sys.executable, "-c", code, *map(str, paths)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 20, "MB"


def test_the_file_that_showed_it(media: Path) -> None:
    with pytest.raises(UndecodableImage, match="2,147,483,648 bytes"):
        decoded((media / "hostile" / "png_idat_length_2gib_115B.png").read_bytes())


@pytest.mark.parametrize("part", INFLATING, ids=lambda part: part[4:8].decode())
def test_what_would_only_be_inflated_is_left_out(part: bytes) -> None:
    body = SIGNATURE + HEADER + part + chunk(b"tEXt", b"a\0b") + part + PIXELS + END + b"behind the end"
    assert files.checked(body, "image/png") == SIGNATURE + HEADER + chunk(b"tEXt", b"a\0b") + PIXELS + END
    np.testing.assert_array_equal(decoded(body), RAMP)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (SIGNATURE + HEADER + PIXELS + END, "image/png"),
        (SIGNATURE + HEADER + PIXELS + END + b"behind the end", "image/png"),
        (webp(), "image/webp"),
        (webp() + b"behind the end", "image/webp"),
        (jpeg(), "image/jpeg"),
        (jpeg(progressive=True), "image/jpeg"),
        (jpeg()[:2] + b"\xff\xff\xff" + jpeg()[2:], "image/jpeg"),
    ],
    ids=["png", "png and more", "webp", "webp and more", "jpeg", "progressive jpeg", "jpeg with fill bytes"],
)
def test_what_holds_together_goes_on_as_it_is(body: bytes, kind: str) -> None:
    assert files.media_type(body) == kind
    assert files.checked(body, kind) is body
    assert decoded(body).shape in ((32, 32), (64, 64))


def test_a_jpeg_cut_short_in_its_pixels_is_the_decoders_to_judge() -> None:
    assert files.checked(jpeg()[:-40], "image/jpeg") == jpeg()[:-40]
