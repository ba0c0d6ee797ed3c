"""Whether the service's locks answer on ARM as they do here: one photo, analysed by both processors.

    python -m release.arm [PHOTO]

Python 3.11 for ARM with its libraries and the emulator qemu-user come from Debian by apt-get, and the wheels of the
service's locks for ARM from the index. All of it is unpacked into a temporary folder; nothing is installed. The status
is 1 where a box differs, or a probability by more than TOLERANCE. Needs Debian 12, root (for chroot) and some minutes.
It runs the analysis with both detectors, not the server: that starts processes, for which the kernel itself has to know
the emulator.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from shutil import copy, copytree
from tempfile import TemporaryDirectory
from typing import Any

from release.pins import LOCKS, ROOT

TOLERANCE = 1e-5
PACKAGES = ("python3.11", "libstdc++6")
WHEELS = [f"--platform=manylinux_2_{minor}_aarch64" for minor in (17, 24, 26, 27, 28, 31, 34, 35, 36)]
EMULATOR = "qemu-aarch64-static"
CODE = """
import json, os, platform, sys
from pathlib import Path
folder, photo = sys.argv[1:]
os.chdir(folder)
sys.path[:0] = [folder, "/wheels"]
from service import Options, load_analyzer
from service.schemas import found_json
analyzer = load_analyzer(threads=1)
answers = {
    detector: json.loads(found_json(analyzer.analyse(Path(photo).read_bytes(), Options(detector=detector))))["faces"]
    for detector in ("haar", "centerface")
}
print(json.dumps({"machine": platform.machine(), "answers": answers}))
"""


def apart(here: Any, there: Any) -> float:
    """The largest difference of two numbers at the same place of two answers; infinite where anything else differs."""
    if isinstance(here, dict) and isinstance(there, dict) and here.keys() == there.keys():
        return max((apart(here[name], there[name]) for name in here), default=0.0)
    if isinstance(here, list) and isinstance(there, list) and len(here) == len(there):
        return max((apart(*pair) for pair in zip(here, there, strict=True)), default=0.0)
    if isinstance(here, float) and isinstance(there, float):
        return abs(here - there)
    return 0.0 if here == there else float("inf")


def unpack_debian(folder: Path) -> None:
    """Python and its libraries for ARM under folder/root, and the emulator in it."""
    apt, root = folder / "apt", folder / "root"
    for part in ("state/lists/partial", "cache/archives/partial"):
        (apt / part).mkdir(parents=True)
    (apt / "status").touch()
    where = [f"Dir::State={apt / 'state'}", f"Dir::State::status={apt / 'status'}", f"Dir::Cache={apt / 'cache'}"]
    options = [f"-o{each}" for each in (*where, "APT::Architecture=arm64", "APT::Architectures=arm64")]
    run("apt-get", "-qq", *options, "update")
    run("apt-get", "-qq", *options, "install", "--yes", "--no-install-recommends", "--download-only", *PACKAGES)
    run("apt-get", "-qq", "download", "qemu-user-static", cwd=folder)
    for package in (apt / "cache" / "archives").glob("*.deb"):
        run("dpkg", "-x", str(package), str(root))
    run("dpkg", "-x", str(next(folder.glob("qemu-user-static*.deb"))), str(folder / "qemu"))
    copy(folder / "qemu" / "usr" / "bin" / EMULATOR, root / EMULATOR)


def add_service(root: Path, photo: Path) -> None:
    """The wheels of the first two locks, which are the service's, and what runs with them."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes"]
    for lock in LOCKS[:2]:
        run(*pip, "--only-binary=:all:", *WHEELS, "--python-version=3.11", "--target", str(root / "wheels"), "-r", lock)
    for name in ("service", "models"):
        copytree(ROOT / name, root / "app" / name)
    copy(photo, root / "photo")


def run(*command: str, cwd: Path = ROOT) -> str:
    return subprocess.run(command, cwd=cwd, check=True, stdout=subprocess.PIPE, text=True).stdout


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo", nargs="?", type=Path, default=ROOT / "tests" / "data" / "astronaut.jpg")
    photo: Path = parser.parse_args().photo
    here = json.loads(run(sys.executable, "-c", CODE, str(ROOT), str(photo.resolve())))
    with TemporaryDirectory() as folder:
        root = Path(folder) / "root"
        unpack_debian(Path(folder))
        add_service(root, photo)
        emulated = ["chroot", str(root), f"/{EMULATOR}", "/usr/bin/python3.11", "-c", CODE, "/app", "/photo"]
        there = json.loads(run(*emulated).splitlines()[-1])
    difference = apart(here["answers"], there["answers"])
    faces = ", ".join(f"{detector} {len(found)}" for detector, found in here["answers"].items())
    print(f"{here['machine']} and {there['machine']}, faces: {faces}; largest difference {difference:.1e}")
    return 0 if difference <= TOLERANCE else 1


if __name__ == "__main__":
    sys.exit(main())
