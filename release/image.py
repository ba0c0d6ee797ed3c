"""The image, named by its version: for ARM too where this machine can run its programs."""

import shutil
import subprocess
from pathlib import Path

from release import ReleaseError

ROOT = Path(__file__).parents[1]
# Where Linux keeps the emulators of other processors.
EMULATORS = Path("/proc/sys/fs/binfmt_misc")
NATIVE, BOTH = "this machine's processor", "linux/amd64,linux/arm64"


def build(version: str, emulators: Path = EMULATORS) -> str:
    """Builds the image; says for which processors, or why not. Raises ReleaseError if a build fails."""
    builder = next((name for name in ("docker", "podman") if _works(name)), None)
    if builder is None:
        return f"image fer-service:{version}: not built, as neither docker nor podman runs here"
    names = ["--target", "service", "--tag", f"fer-service:{version}", "."]
    if builder == "docker" and any(emulators.glob("qemu-aarch64*")):
        command, processors = ["docker", "buildx", "build", "--platform", BOTH, *names], BOTH
    else:
        command, processors = [builder, "build", *names], f"{NATIVE} alone (no emulator of the other is here)"
    if subprocess.run(command, cwd=ROOT, check=False).returncode != 0:
        raise ReleaseError(f"the image could not be built: {' '.join(command)}")
    return f"image fer-service:{version}: built for {processors}"


def _works(builder: str) -> bool:
    """Whether the program is there and reaches what runs containers."""
    path = shutil.which(builder)
    return path is not None and subprocess.run([path, "info"], capture_output=True, check=False).returncode == 0
