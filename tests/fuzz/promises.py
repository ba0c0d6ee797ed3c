"""What holds for every file and message, whatever it is: each function raises AssertionError where it does not."""

import io
import json
import resource
import sys
from contextlib import closing

from jsonschema.protocols import Validator  # type: ignore[import-untyped]

from service import files, images
from service.problems import InvalidOption, Problem, UndecodableImage
from service.stream.messages import SessionClose, SessionUpdate
from service.stream.protocol import HEADER, CloseCode, Closing, read_command, read_frame
from service.video.reader import Video

MAX_PIXELS = 300_000
# Of a decoder that is given no more than MAX_PIXELS, with its own buffers; claims are of hundreds of megabytes.
_MOST_MB = 64
# ru_maxrss is in kilobytes on Linux, in bytes on macOS.
_PER_MB = 2**20 if sys.platform == "darwin" else 2**10


def image_is_answered(body: bytes) -> None:
    """Pixels of the size that the file declares, or a problem that names it; memory as the pixels need it."""
    before = _most_mb()
    try:
        decoded = images.decode(body, max_pixels=MAX_PIXELS)
    except Problem as problem:
        assert 400 <= problem.status < 500, problem
    else:
        width, height = decoded.size_wh
        assert 0 < width * height <= MAX_PIXELS, f"{width} x {height}"
        assert sorted(images._declared_size_wh(body)) == sorted(decoded.size_wh), "another size than was checked"
    assert _most_mb() - before < _MOST_MB, f"{_most_mb() - before:.0f} MB more"


def container_is_walked(body: bytes) -> None:
    """The walkers refuse by UndecodableImage alone, and take what they have let through."""
    kind = files.media_type(body)
    try:
        checked = files.checked(body, kind)
    except UndecodableImage:
        return
    assert files.media_type(checked) == kind
    assert len(checked) <= len(body)
    assert files.checked(checked, kind) == checked


def video_is_answered(body: bytes) -> None:
    """Frames in the order of their times, or a problem."""
    before = _most_mb()
    try:
        with closing(Video(io.BytesIO(body), max_pixels=MAX_PIXELS, max_s=60)) as video:
            times = [frame.time_s for frame in video.frames(fps=60)]
            assert times == sorted(times)
            assert video.duration_s >= 0
    except Problem as problem:
        assert 400 <= problem.status < 500, problem
    assert _most_mb() - before < 2 * _MOST_MB, f"{_most_mb() - before:.0f} MB more"


def frame_is_read(message: bytes) -> None:
    """A header is one where it begins with FER1; without it, all is the image."""
    frame = read_frame(message, 7)
    if message[:4] == b"FER1" and len(message) >= HEADER.size:
        assert (frame.number, frame.body) == (int.from_bytes(message[4:8], "big"), message[16:])
    else:
        assert (frame.number, frame.body) == (7, message)


def command_is_read(text: str, document: Validator) -> None:
    """A command where the AsyncAPI document says that it is one; else the answer that the text deserves."""
    try:
        command = read_command(text)
    except InvalidOption as problem:
        assert json.loads(text)["type"] in ("session.update", "session.close")
        assert problem.detail
    except Closing as closing:
        expected = CloseCode.UNSUPPORTED_DATA if _is_json(text) else CloseCode.INVALID_PAYLOAD
        assert closing.code == (CloseCode.MESSAGE_TOO_BIG if len(text) > 4096 else expected)
    else:
        assert isinstance(command, SessionUpdate | SessionClose)
        document.validate(json.loads(text))


def _is_json(text: str) -> bool:
    """In characters that UTF-8 has: Python's own reader also takes half a character."""
    try:
        json.dumps(json.loads(text), ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return False
    return True


def _most_mb() -> float:
    """The most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _PER_MB
