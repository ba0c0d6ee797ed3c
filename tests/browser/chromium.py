"""What a real browser needs: Chromium with a camera that plays a file, and a real server to visit."""

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from tests.ports import free_port

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Playwright

ROOT = Path(__file__).parents[2]
EXECUTABLE = Path("/usr/bin/chromium")
# A name that leads to this machine but is no "localhost": what a page without https gets.
INSECURE_HOST = "insecure.test"

Visit = Callable[..., "Page"]

PATIENCE_MS = 90_000  # the cores may be busy with a training

_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-ui-for-media-stream",
)


def launch(playwright: "Playwright", camera: Path | None = None, cameras: int = 1) -> "Browser":
    """Chromium that allows its cameras; `camera` is a .mjpeg to play in it, by default they beep and blink."""
    devices = f"--use-fake-device-for-media-stream=device-count={cameras}"
    flags = [*_FLAGS, devices, f"--host-resolver-rules=MAP {INSECURE_HOST} 127.0.0.1"]
    if camera is not None:
        flags.append(f"--use-file-for-fake-video-capture={camera.resolve()}")
    return playwright.chromium.launch(executable_path=EXECUTABLE, args=flags)


def camera_from_photo(photo: Path, to: Path, size: str = "480x360") -> Path:
    """A square portrait as a camera that slowly comes closer and goes back, six seconds, without a seam."""
    zoom = "1.68-0.14*cos(2*PI*on/180)"
    # The face is a little left of the middle and in the upper third; enlarged first, or the pan would tremble.
    move = f"zoompan=z='{zoom}':x='iw*0.45-iw/zoom/2':y='ih*0.35-ih/zoom/2':d=180:s={size}:fps=30"
    return _mjpeg(["-i", str(photo)], f"crop=iw:iw*3/4:0:0,scale=1920:1440,{move}", to)


def camera_from_clip(clip: Path, to: Path) -> Path:
    """A video file as a camera."""
    fit = "scale=640:480:force_original_aspect_ratio=decrease,pad=640:480:(ow-iw)/2:(oh-ih)/2"
    return _mjpeg(["-i", str(clip)], f"fps=30,{fit}", to)


def video_from_photo(photo: Path, to: Path) -> Path:
    """Two seconds of a square portrait's upper half, as WebM, which every Chromium plays."""
    filters = "crop=iw:iw*3/4:0:0,scale=480:360"
    source = ["-loop", "1", "-framerate", "25", "-t", "2", "-i", str(photo)]
    quick = ["-deadline", "realtime", "-cpu-used", "8"]
    encoding = ["-vf", filters, "-c:v", "libvpx", "-b:v", "800k", *quick, "-pix_fmt", "yuv420p"]
    subprocess.run(["ffmpeg", "-v", "error", "-y", *source, *encoding, str(to)], check=True)
    return to


def without_duration(video: Path, to: Path) -> Path:
    """The same WebM as a browser's own recording has it: it does not say how long it is."""
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-i", str(video), "-c", "copy", "-live", "1", str(to)], check=True)
    return to


def _mjpeg(source: list[str], filters: str, to: Path) -> Path:
    encoding = ["-an", "-vf", filters, "-pix_fmt", "yuvj420p", "-c:v", "mjpeg", "-q:v", "3", "-f", "mjpeg"]
    subprocess.run(["ffmpeg", "-v", "error", "-y", *source, *encoding, str(to)], check=True)
    return to


class Server:
    """python -m service on a free port, to be stopped and started again at the same address."""

    def __init__(self, model: Path, log: Path, **environment: str) -> None:
        self._port = free_port()
        kept = {name: value for name, value in os.environ.items() if not name.startswith("FER_")}
        here = {"HOST": "127.0.0.1", "PORT": str(self._port), "FER_MODEL": str(model), "FER_HOSTS": INSECURE_HOST}
        self._environment = {**kept, **here, **environment}
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self._port}"

    def start(self, patience_s: float = 60) -> None:
        """Returns when it is ready."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "service"], cwd=ROOT, env=self._environment, stderr=log
            )
        deadline = time.monotonic() + patience_s
        while not self._ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the service did not start:\n{self._log.read_text()}")
            time.sleep(0.1)

    def _ready(self) -> bool:
        try:
            urllib.request.urlopen(f"{self.url()}/readyz", timeout=1).close()  # noqa: S310 (our own address)
        except (urllib.error.URLError, OSError):
            return False
        return True

    def stop(self) -> None:
        """At once, as when its machine fails."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
