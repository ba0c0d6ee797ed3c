"""Pictures from a camera, a film or a network stream: ffmpeg reads it and writes JPEGs, each after its length."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Self, cast


class CameraError(Exception):
    """No pictures: the message says what is missing."""


class Camera:
    """A running ffmpeg; iterating gives each picture as a JPEG file's bytes, until it is left. Raises CameraError."""

    def __init__(self, command: list[str]):
        if shutil.which(command[0]) is None:
            raise CameraError(
                f"{command[0]} is not installed, and the camera is read with it (https://ffmpeg.org/download.html)"
            )
        self._stopped = False
        # Not a pipe: one that nobody empties would stop ffmpeg once it is full of complaints.
        self._complaints: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(  # noqa: S603
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._complaints
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped = True
        self._process.kill()
        self._process.wait()
        self._complaints.close()

    def __iter__(self) -> Iterator[bytes]:
        # As browsers get live pictures: parts of a multipart document, of which the header that counts is the length.
        with cast("IO[bytes]", self._process.stdout) as parts:
            while line := parts.readline():
                name, _, value = line.partition(b":")
                if name.lower() != b"content-length":
                    continue
                length = int(value)
                parts.readline()
                if len(picture := parts.read(length)) == length:
                    yield picture
        if self._process.wait() != 0 and not self._stopped:
            raise CameraError(f"ffmpeg stopped: {self._last_complaint()}")

    def _last_complaint(self) -> str:
        self._complaints.seek(0)
        lines = self._complaints.read().decode("utf-8", "replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "it did not say why")


def ffmpeg_command(
    *, source: str | None = None, camera: str | None = None, fps: float, width: int, platform: str = sys.platform
) -> list[str]:
    """How to have ffmpeg read `source` (a file or an address), or else the camera of that name.

    Raises CameraError where there is no such camera.
    """
    if source is None:
        taken = _camera(camera, platform)
    elif Path(source).exists():
        # As fast as it plays, as a camera would.
        taken = ["-re", "-i", source]
    elif "://" in source:
        taken = [*(["-rtsp_transport", "tcp"] if source.startswith("rtsp://") else []), "-i", source]
    else:
        raise CameraError(f"there is no file {source}")
    # The comma would end the filter.
    smaller = rf"scale=min({width}\,iw):-2"
    pictures = ["-vf", f"fps={fps:g},{smaller}", "-pix_fmt", "yuvj420p", "-vcodec", "mjpeg", "-q:v", "4"]
    return ["ffmpeg", "-nostdin", "-loglevel", "error", *taken, "-an", *pictures, "-f", "mpjpeg", "-"]


def _camera(name: str | None, platform: str) -> list[str]:
    if platform == "darwin":
        return ["-f", "avfoundation", "-framerate", "30", "-i", name or "0"]
    if platform == "win32":
        if name is None:
            raise CameraError(
                "name a camera with --camera; `ffmpeg -list_devices true -f dshow -i dummy` lists what there is"
            )
        return ["-f", "dshow", "-i", f"video={name}"]
    device = name or "/dev/video0"
    if not Path(device).exists():
        raise CameraError(f"there is no camera at {device}; name another with --camera, or a film with --input")
    return ["-f", "v4l2", "-i", device]
