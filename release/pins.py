"""Whether every package that the images install is there as a wheel for their processors.

uv resolves a lock as on another machine. It reads what the index says about the files, and downloads none of them.
"""

import subprocess
from pathlib import Path

from release import ReleaseError

ROOT = Path(__file__).parents[1]
# What the Dockerfile and that of deploy/ray install.
LOCKS = (
    "requirements/service.txt",
    "requirements/centerface.txt",
    "requirements/node.txt",
    "requirements/training.txt",
    "requirements/ray-cluster.txt",
)
# The images' Python and C library.
PYTHON, LIBRARY = "3.11", "manylinux_2_36"
PLATFORMS = (f"x86_64-{LIBRARY}", f"aarch64-{LIBRARY}")


def check(uv: Path, lock: str) -> None:
    """Raises ReleaseError, with uv's words, where a pin of the lock has no wheel for one of the platforms."""
    for platform in PLATFORMS:
        resolve = ["pip", "compile", "--quiet", "--no-deps", "--only-binary", ":all:"]
        where = ["--python-platform", platform, "--python-version", PYTHON]
        done = subprocess.run([uv, *resolve, *where, lock], cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise ReleaseError(f"{lock} cannot be installed on {platform}:\n{done.stderr.strip()}")
