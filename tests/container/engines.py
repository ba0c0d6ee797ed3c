"""Builds the service's image and runs it hardened, by docker, by podman, or by the tool beside the checkout.

An outsider has docker or podman. Where neither can reach a registry, `../shared/tools/container` builds the same
Dockerfile on a base that it makes itself (as root on Debian).

FER_IMAGE names an image that is built already; docker or podman then runs it without building.
"""

import json
import os
import random
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

ROOT = Path(__file__).parents[2]
TOOL = ROOT / "../shared/tools/container/build-and-run.sh"
PHOTO = ROOT / "tests" / "data" / "astronaut.jpg"
NOT_POSSIBLE_HERE = 3
PORT = 8000
MEMORY = "512m"
WITHOUT_RIGHTS = [
    *("--read-only", "--tmpfs", "/tmp", "--cap-drop", "all"),  # noqa: S108
    *("--security-opt", "no-new-privileges"),
]
HARDENED = [*WITHOUT_RIGHTS, "--memory", MEMORY]
READY_WITHIN_S = 60

INSIDE = """
import importlib.util, json, os, shutil
unwanted = "tensorflow", "keras", "matplotlib", "pip", "training"
modules = [name for name in unwanted if importlib.util.find_spec(name)]
programs = [name for name in ("gcc", "cc", "c++", "make") if shutil.which(name)]
vendor = sorted(os.listdir("service/web/vendor"))
from service.detectors import centerface_file
centerface = len(centerface_file.read_file())
with open("sbom.cdx.json") as file:
    sbom = json.load(file)
setuid = [
    os.path.join(folder, name)
    for top in ("/bin", "/sbin", "/usr", "/lib", "/opt", "/app")
    for folder, _, names in os.walk(top)
    for name in names
    if not os.path.islink(os.path.join(folder, name)) and os.stat(os.path.join(folder, name)).st_mode & 0o6000
]
found = {"modules": modules, "programs": programs, "vendor": vendor, "user": os.getuid(), "centerface": centerface}
found |= {"setuid": setuid, "sbom": sbom}
print(json.dumps(found))
"""


@dataclass(frozen=True)
class Checked:
    """What building and running the image found out. `inside` is what INSIDE prints in the container."""

    answer: dict[str, Any]
    inside: dict[str, Any]
    bytes_above_base: int
    startup_s: float
    stop_s: float
    stop_exit_code: int


def check(folder: Path) -> Checked:
    """Build and run with what this machine has; skips the test, with the reasons, where it has nothing."""
    dockerfile = folder / "Dockerfile"
    dockerfile.write_text(_service_stages((ROOT / "Dockerfile").read_text()))
    reasons = []
    for name in ("docker", "podman"):
        engine = Engine(name)
        reason = engine.reason_not_to_use(base_image(dockerfile.read_text()))
        if reason is None:
            return engine.check(dockerfile)
        reasons.append(f"{name} {reason}")
    reason = reason_not_to_use_the_tool()
    if reason is None:
        return _check_by_tool(folder, dockerfile)
    pytest.skip("; ".join([*reasons, reason]))


def _service_stages(dockerfile: str) -> str:
    """The Dockerfile without its training stages: the tool builds every stage, and TensorFlow's takes minutes."""
    head, *stages = re.split(r"(?m)^(?=FROM )", dockerfile)
    return head + "".join(stage for stage in stages if re.match(r"FROM \S+ AS service", stage))


def base_image(dockerfile: str) -> str:
    found = re.search(r"(?m)^ARG PYTHON_IMAGE=(\S+)$", dockerfile)
    assert found is not None
    return f"docker.io/library/{found[1]}"


class Engine:
    """docker or podman, by the commands that both have."""

    def __init__(self, name: str, environment: dict[str, str] | None = None) -> None:
        """`environment` is set beside this process's own."""
        self._name = name
        self._environment = os.environ | (environment or {})

    def reason_not_to_use(self, base: str) -> str | None:
        """None if the engine runs and has, or can pull, the base image (unless FER_IMAGE makes that unnecessary)."""
        if shutil.which(self._name) is None:
            return "is not installed"
        if self._call("info", check=False).returncode != 0:
            return "does not run"
        if "FER_IMAGE" not in os.environ and not self._has(base):
            return f"cannot pull {base}"
        return None

    def check(self, dockerfile: Path) -> Checked:
        image = os.environ.get("FER_IMAGE") or self.build(dockerfile, "fer-service:test", target="service")
        base_bytes = 0
        base = base_image(dockerfile.read_text())
        if self._has(base):
            base_bytes = int(self._text("image", "inspect", base, "--format", "{{.Size}}"))
        image_bytes = int(self._text("image", "inspect", image, "--format", "{{.Size}}"))
        started = time.monotonic()
        container, url = self._start(image)
        try:
            self._wait_until_ready(container, url)
            startup_s = time.monotonic() - started
            answer = _predict(url)
            inside = json.loads(self._text("exec", "-i", container, "python", "-", stdin=INSIDE))
            self._run_health_check(image, container)
            stopping = time.monotonic()
            self._call("stop", "-t", "10", container)
            stop_s = time.monotonic() - stopping
            exit_code = int(self._text("inspect", container, "--format", "{{.State.ExitCode}}"))
        finally:
            self._call("rm", "-f", container, check=False)
        return Checked(answer, inside, image_bytes - base_bytes, startup_s, stop_s, exit_code)

    def build(self, dockerfile: Path, image: str, *, target: str) -> str:
        # podman's own image format has no HEALTHCHECK.
        options = ["--format", "docker"] if self._name == "podman" else []
        self._call("build", *options, "--target", target, "-t", image, "-f", str(dockerfile), str(ROOT))
        return image

    def run(self, image: str, *command: str, options: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
        """Run a program in a container to its end, without rights to anything but what the options give it."""
        return self._call("run", "--rm", *WITHOUT_RIGHTS, *options, image, *command, check=False)

    def remove(self, image: str) -> None:
        self._call("image", "rm", image)

    def _has(self, image: str) -> bool:
        found = self._call("image", "inspect", image, check=False).returncode == 0
        return found or self._call("pull", image, check=False).returncode == 0

    def _start(self, image: str) -> tuple[str, str]:
        """The container's name and the service's address; on the host's network where no port can be published."""
        container = f"fer-service-test-{os.getpid()}"
        options = ["run", "-d", "--name", container, *HARDENED]
        if self._call(*options, "-p", f"127.0.0.1::{PORT}", image, check=False).returncode == 0:
            return container, f"http://{self._text('port', container, str(PORT)).split()[0]}"
        self._call("rm", "-f", container, check=False)
        port = _free_port()
        self._call(*options, "--network", "host", "-e", f"PORT={port}", image)
        return container, f"http://127.0.0.1:{port}"

    def _wait_until_ready(self, container: str, url: str) -> None:
        until = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < until:
            with suppress(httpx2.TransportError):
                if httpx2.get(f"{url}/readyz").status_code == 200:
                    return
            time.sleep(0.1)
        logs = self._call("logs", container, check=False)
        raise AssertionError(f"not ready within {READY_WITHIN_S} s: {logs.stdout}{logs.stderr}")

    def _run_health_check(self, image: str, container: str) -> None:
        form = "{{json .Config.Healthcheck.Test}}" if self._name == "docker" else "{{json .HealthCheck.Test}}"
        kind, *command = json.loads(self._text("image", "inspect", image, "--format", form))
        assert kind == "CMD"
        self._call("exec", container, *command)

    def _text(self, *arguments: str, stdin: str | None = None) -> str:
        return self._call(*arguments, stdin=stdin).stdout.strip()

    def _call(self, *arguments: str, stdin: str | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
        command = [self._name, *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, env=self._environment)
        assert not check or done.returncode == 0, f"{self._name} {arguments[0]}: {done.stdout[-3000:]}{done.stderr}"
        return done


def _free_port() -> int:
    """As `tests.ports.free_port`: this file also runs without the other tests."""
    while True:
        with socket.socket() as free, suppress(OSError):
            free.bind(("127.0.0.1", port := random.SystemRandom().randrange(10_000, 32_000)))
            return port


def _predict(url: str) -> dict[str, Any]:
    answer: dict[str, Any] = httpx2.post(f"{url}/v1/predict", content=PHOTO.read_bytes(), timeout=30).json()
    return answer


def reason_not_to_use_the_tool() -> str | None:
    if not TOOL.exists():
        return f"{TOOL.relative_to(ROOT)} is not here"
    if os.geteuid() != 0:
        return f"{TOOL.name} needs root"
    if shutil.which("podman") is None:
        return f"{TOOL.name} needs podman"
    return None


def _check_by_tool(folder: Path, dockerfile: Path) -> Checked:
    (folder / "inside.py").write_text(INSIDE)
    ask = (
        f"curl -fsS -H 'Content-Type: image/jpeg' --data-binary @{PHOTO} -o {folder}/answer.json $BASE_URL/v1/predict"
        f" && podman exec -i $CONTAINER python - <{folder}/inside.py >{folder}/inside.json"
    )
    # Where the tool mounts the certificates that this machine trusts; npm does not look there by itself.
    trust = ["--build-arg", "NODE_EXTRA_CA_CERTS=/mnt/ca.crt"]
    options = [*trust, "--hardened", "--memory", MEMORY, "--health", "/readyz", "--test", ask]
    done = subprocess.run(
        [TOOL, *options, "--json", folder / "figures.json", "--file", dockerfile, ROOT],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode == NOT_POSSIBLE_HERE:
        pytest.skip(f"no containers on this machine: {done.stdout[-300:]}")
    # Covers the build, readiness, HEALTHCHECK, a user that is not root, SIGTERM and the request.
    assert done.returncode == 0, done.stdout
    figures, answer, inside = (
        json.loads((folder / f"{name}.json").read_text()) for name in ("figures", "answer", "inside")
    )
    return Checked(
        answer,
        inside,
        figures["image_bytes"] - figures["base_bytes"],
        figures["startup_s"],
        figures["stop_s"],
        int(figures["stop_exit_code"]),
    )
