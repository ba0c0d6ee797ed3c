"""What the programs of `make fuzz` try: for each target a promise, and the files or messages to begin with."""

import json
from collections.abc import Callable
from contextlib import suppress

from tests.fuzz import promises, seeds
from tests.fuzz.test_messages import COMMAND


def _image(body: bytes) -> None:
    promises.container_is_walked(body)
    promises.image_is_answered(body)


def _message(body: bytes) -> None:
    promises.frame_is_read(body)
    with suppress(UnicodeDecodeError):
        promises.command_is_read(body.decode(), COMMAND)


def _messages() -> tuple[bytes, ...]:
    update = {"type": "session.update", "explain": "gradcam", "max_faces": 3, "min_face_px": None, "smoothing": 0.5}
    return b"FER1" + bytes(12) + b"\xff\xd8\xff", json.dumps(update).encode(), b'{"type": "session.close"}'


TARGETS: dict[str, tuple[Callable[[bytes], None], Callable[[], tuple[bytes, ...]]]] = {
    "images": (_image, seeds.images),
    "videos": (promises.video_is_answered, seeds.videos),
    "messages": (_message, _messages),
}
