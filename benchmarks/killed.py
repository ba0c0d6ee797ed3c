"""Annotates a folder twice, once undisturbed and once with kills: are the tables equal, and what did the kills cost?

    python -m benchmarks.killed VIDEO [--clips 50] [--url http://127.0.0.1:8000]

The folder holds that many copies of the video. The second `fer video` is ended with SIGKILL once a sixth, a half and
three quarters of them are read, and called again each time. Exits with 1 where the tables differ.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
KILLED_AT = (1 / 6, 1 / 2, 3 / 4)


def start(folder: Path, table: Path, url: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "client" / "src")}
    command = [sys.executable, "-m", "fer_client", "--url", url, "video", str(folder), "-o", str(table)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)


def is_killed(running: subprocess.Popen[bytes], parts: Path, most: float) -> bool:
    """Wait until more than `most` videos are read, then kill the command; False where it ended before."""
    while running.poll() is None:
        if parts.exists() and len(list(parts.iterdir())) > most:
            running.send_signal(signal.SIGKILL)
            running.wait()
            return True
        time.sleep(0.01)
    return False


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--clips", type=int, default=50)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, whole, stopped = (Path(name) / each for each in ("clips", "whole.csv", "stopped.csv"))
        folder.mkdir()
        for number in range(given.clips):
            shutil.copy(given.video, folder / f"{number:04}{given.video.suffix}")
        begun = time.monotonic()
        if status := start(folder, whole, given.url).wait():
            return status
        undisturbed_s, begun = time.monotonic() - begun, time.monotonic()
        parts = stopped.with_name(f"{stopped.name}.parts")
        kills = sum(is_killed(start(folder, stopped, given.url), parts, share * given.clips) for share in KILLED_AT)
        status = start(folder, stopped, given.url).wait()
        rows = whole.read_text().splitlines()
        equal = status == 0 and stopped.read_text().splitlines() == rows
    took_s = time.monotonic() - begun
    print(f"{given.clips} videos, {len(rows) - 1} rows; undisturbed {undisturbed_s:.0f} s")
    print(f"{kills} kills, {took_s:.0f} s; the tables are {'equal' if equal else 'DIFFERENT'}")
    return 0 if equal and kills == len(KILLED_AT) else 1


if __name__ == "__main__":
    sys.exit(main())
