"""Frames from a camera, a video file or a network stream, read by ffmpeg as JPEG files."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Self, cast


class CameraError(Exception):
    """There are no frames: the message says what is missing."""


class Camera:
    """A running ffmpeg. Iterating gives each frame as a JPEG file's bytes. Raises CameraError."""

    def __init__(self, command: list[str]):
        if shutil.which(command[0]) is None:
            raise CameraError(
                f"{command[0]} is not installed: it is needed to read cameras (https://ffmpeg.org/download.html)"
            )
        self._stopped = False
        # Not a pipe: nobody reads it meanwhile, and a full pipe would stop ffmpeg.
        self._messages: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(  # noqa: S603
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._messages
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped = True
        self._process.kill()
        self._process.wait()
        self._messages.close()

    def __iter__(self) -> Iterator[bytes]:
        # ffmpeg writes a multipart document, and each part begins with its length.
        with cast("IO[bytes]", self._process.stdout) as parts:
            while line := parts.readline():
                name, _, value = line.partition(b":")
                if name.lower() != b"content-length":
                    continue
                length = int(value)
                parts.readline()
                if len(frame := parts.read(length)) == length:
                    yield frame
        if self._process.wait() != 0 and not self._stopped:
            raise CameraError(f"ffmpeg stopped: {self._last_message()}")

    def _last_message(self) -> str:
        self._messages.seek(0)
        lines = self._messages.read().decode("utf-8", "replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "it gave no reason")


def ffmpeg_command(
    *, source: str | None = None, camera: str | None = None, fps: float, width: int, platform: str = sys.platform
) -> list[str]:
    """The command line with which ffmpeg reads `source` (a file or a URL), or else the camera of that name.

    `width` is the largest width in pixels. Raises CameraError where there is no such file or camera.
    """
    if source is None:
        input_arguments = _camera(camera, platform)
    elif Path(source).exists():
        # At the speed at which it plays, as from a camera.
        input_arguments = ["-re", "-i", source]
    elif "://" in source:
        input_arguments = [*(["-rtsp_transport", "tcp"] if source.startswith("rtsp://") else []), "-i", source]
    else:
        raise CameraError(f"there is no file {source}")
    # The comma is escaped, or it would end the filter.
    scale = rf"scale=min({width}\,iw):-2"
    output_arguments = ["-vf", f"fps={fps:g},{scale}", "-pix_fmt", "yuvj420p", "-vcodec", "mjpeg", "-q:v", "4"]
    return ["ffmpeg", "-nostdin", "-loglevel", "error", *input_arguments, "-an", *output_arguments, "-f", "mpjpeg", "-"]


def _camera(name: str | None, platform: str) -> list[str]:
    if platform == "darwin":
        return ["-f", "avfoundation", "-framerate", "30", "-i", name or "0"]
    if platform == "win32":
        if name is None:
            raise CameraError("name a camera with --camera; `ffmpeg -list_devices true -f dshow -i dummy` lists them")
        return ["-f", "dshow", "-i", f"video={name}"]
    device = name or "/dev/video0"
    if not Path(device).exists():
        raise CameraError(f"there is no camera at {device}; name another with --camera, or a video with --input")
    return ["-f", "v4l2", "-i", device]
