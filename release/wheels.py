"""The wheels of the service and of the client: built, and tried out in an environment that has nothing else."""

import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from urllib.request import urlopen

from release import ReleaseError
from tests.ports import free_port

ROOT = Path(__file__).parents[1]
PROJECTS = (ROOT, ROOT / "client")
PHOTO = ROOT / "tests" / "data" / "astronaut.jpg"
READY_WITHIN_S = 120


def build(out: Path) -> list[Path]:
    """The wheels, in `out`. The same commit gives the same bytes: files carry its time.

    Raises ReleaseError where a build fails, or the page would lack what runs the model in the browser.
    """
    if not any((ROOT / "service" / "web" / "vendor").glob("*.wasm")):
        raise ReleaseError("service/web/vendor is empty: run `make web`, so that the wheel's page can run the model.")
    for project in PROJECTS:
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet", "--no-deps"]
        _run([*pip, "--wheel-dir", str(out), str(project)], {"SOURCE_DATE_EPOCH": _commit_time()})
    return sorted(out.glob("*.whl"))


def try_out(out: Path, folder: Path) -> Path:
    """Installs the wheels with what the service's lock pins and what the client needs, and lets one ask the other.

    Returns the environment's site-packages. Raises ReleaseError where anything fails.
    """
    _run([sys.executable, "-m", "venv", str(folder / "venv")])
    programs = folder / "venv" / "bin"
    pip = [str(programs / "python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    _run([*pip, "--require-hashes", "-r", str(ROOT / "requirements" / "service.txt")])
    _run([*pip, *map(str, sorted(out.glob("*.whl")))])
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    server = subprocess.Popen([programs / "fer-service"], cwd=folder, env={**_clean(), "PORT": str(port)})
    try:
        _wait_until_ready(url, server)
        _run([str(programs / "fer"), "predict", "--url", url, str(PHOTO)])
    finally:
        server.terminate()
        server.wait()
    [site_packages] = (folder / "venv" / "lib").glob("python*/site-packages")
    return site_packages


def _wait_until_ready(url: str, server: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < until and server.poll() is None:
        with suppress(OSError), urlopen(f"{url}/readyz", timeout=5):  # noqa: S310
            return
        time.sleep(0.2)
    raise ReleaseError("fer-service did not become ready.")


def _commit_time() -> str:
    """Seconds since 1970 of the commit that is checked out."""
    return subprocess.run(
        ["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()


def _run(command: list[str], environment: dict[str, str] | None = None) -> None:
    done = subprocess.run(command, env={**_clean(), **(environment or {})}, check=False)
    if done.returncode != 0:
        raise ReleaseError(f"exit status {done.returncode}: {' '.join(command)}")


def _clean() -> dict[str, str]:
    """The environment without settings of the service, and without the repository on Python's path."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("FER_", "PYTHONPATH"))}
