"""The image as a file, named by its version: for ARM too where this machine can run its programs."""

import os
import shutil
import subprocess
from pathlib import Path

from release import ReleaseError

ROOT = Path(__file__).parents[1]
# Where Linux keeps the emulators of other processors.
EMULATORS = Path("/proc/sys/fs/binfmt_misc")
BOTH = "linux/amd64,linux/arm64"


def build(version: str, out: Path, emulators: Path = EMULATORS) -> str:
    """Builds the image to fer-service-VERSION.tar in `out`; says for which processors, or why not.

    Raises ReleaseError if a build fails.
    """
    builder = next((name for name in ("docker", "podman") if _works(name)), None)
    if builder is None:
        return f"image fer-service:{version}: not built, as neither docker nor podman runs here"
    emulated = any(emulators.glob("qemu-aarch64*"))
    tag, written = f"fer-service:{version}", out.resolve() / f"fer-service-{version}.tar"
    what = ["--target", "service", "--tag", tag, "."]
    if builder == "docker" and emulated:
        _build_both(what, written)
        processors = BOTH
    else:
        _run(builder, "build", *what)
        # Docker's own format is an OCI archive as well since 25.
        _run(builder, "save", *(("--format", "oci-archive") if builder == "podman" else ()), "--output", written, tag)
        lacks = "podman builds for one only" if emulated else "no emulator of the other is here"
        processors = f"this machine's processor alone ({lacks})"
    if not written.is_file():
        raise ReleaseError(f"{builder} has built the image, and not written {written}.")
    return f"{written.name}: image {tag}, built for {processors}"


def _build_both(what: list[str], written: Path) -> None:
    """With a builder of its own: docker's default one builds for one processor, and writes no such file."""
    name = f"fer-release-{os.getpid()}"
    _run("docker", "buildx", "create", "--driver", "docker-container", "--name", name)
    try:
        to = ["--platform", BOTH, "--output", f"type=oci,dest={written}"]
        _run("docker", "buildx", "build", "--builder", name, *to, *what)
    finally:
        _run("docker", "buildx", "rm", name)


def _run(*command: str | Path) -> None:
    if subprocess.run(command, cwd=ROOT, check=False).returncode != 0:
        raise ReleaseError(f"the image could not be built: {' '.join(map(str, command))}")


def _works(builder: str) -> bool:
    """Whether the program is there and reaches what runs containers."""
    path = shutil.which(builder)
    return path is not None and subprocess.run([path, "info"], capture_output=True, check=False).returncode == 0
