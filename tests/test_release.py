"""`make release`: what it refuses, what it leaves out and says so, and that its parts name what exists."""

import re
import stat
import subprocess
from pathlib import Path

import pytest

from release import ReleaseError, arm, image, pins, sums, versions
from release.__main__ import main

ROOT = Path(__file__).parents[1]
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def program(path: Path, code: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{code}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.mark.parametrize(
    ("heading", "draft", "lacks"),
    [
        ("## [1.2.0] - 2026-11-29", False, None),
        ("## [1.2.0] - Unreleased", True, None),
        ("## [1.2.0] - Unreleased", False, "write the day of the release"),
        ("## [1.1.0] - 2026-11-29", False, "does not begin with 1.2.0"),
        ("## [1.1.0] - 2026-11-29", True, "does not begin with 1.2.0"),
        ("", True, "does not begin with 1.2.0"),
    ],
)
def test_the_changelog_has_the_version_and_its_day(heading: str, draft: bool, lacks: str | None) -> None:
    changelog = f"# Changelog\n\n{heading}\n\n## [1.0.0] - 2026-01-01\n"
    if lacks is None:
        versions.check(changelog, "1.2.0", draft=draft)
    else:
        with pytest.raises(ReleaseError, match=lacks):
            versions.check(changelog, "1.2.0", draft=draft)


def test_every_lock_of_the_images_is_checked_for_their_python() -> None:
    copied = re.findall(r"requirements/\S+\.txt", "\n".join(re.findall(r"(?m)^COPY .*", DOCKERFILE)))
    assert set(pins.LOCKS) == set(copied)
    assert f"=python:{pins.PYTHON}-slim-" in DOCKERFILE


def test_a_pin_without_a_wheel_is_named(tmp_path: Path) -> None:
    asked = tmp_path / "asked"
    uv = program(tmp_path / "uv", f'echo "$@" >>{asked}')
    pins.check(uv, pins.LOCKS[0])
    platforms = [re.findall(r"--python-platform (\S+)", line) for line in asked.read_text().splitlines()]
    assert platforms == [[platform] for platform in pins.PLATFORMS]
    uv = program(tmp_path / "uv", 'case "$*" in *aarch64*) echo "none for onnxruntime" >&2; exit 1;; esac')
    with pytest.raises(
        ReleaseError, match=r"requirements/service.txt cannot be installed on aarch64-\w+:\nnone for onnx"
    ):
        pins.check(uv, pins.LOCKS[0])


def test_a_folder_with_other_files_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "old.whl").touch()
    assert main(["--uv", "uv", "--out", str(tmp_path), "--draft"]) == 1
    assert "is not empty" in capsys.readouterr().err


def test_checksums_can_be_checked(tmp_path: Path) -> None:
    (tmp_path / "a.whl").write_bytes(b"a")
    (tmp_path / "b.json").write_bytes(b"b")
    sums.write(tmp_path)
    command = ["sha256sum", "--strict", "--check", sums.NAME]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 0
    (tmp_path / "a.whl").write_bytes(b"c")
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 1


@pytest.mark.parametrize(
    ("builders", "emulated", "words"),
    [
        ([], False, "not built, as neither docker nor podman runs here"),
        (["podman"], True, "built for this machine's processor alone"),
        (["docker"], False, "built for this machine's processor alone"),
        (["docker", "podman"], True, "built for linux/amd64,linux/arm64"),
    ],
)
def test_the_image_is_built_for_what_can_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, builders: list[str], emulated: bool, words: str
) -> None:
    for name in builders:
        program(tmp_path / "bin" / name, f'echo "$@" >>{tmp_path}/asked')
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    (tmp_path / "emulators").mkdir()
    if emulated:
        (tmp_path / "emulators" / "qemu-aarch64").touch()
    assert words in image.build("1.2.0", tmp_path / "emulators")
    if builders:
        assert "--target service --tag fer-service:1.2.0 ." in (tmp_path / "asked").read_text()


def test_an_image_that_cannot_be_built_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path / "docker", '[ "$1" = info ]')
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ReleaseError, match="docker build"):
        image.build("1.2.0", tmp_path / "none")


@pytest.mark.parametrize(
    ("there", "difference"),
    [
        ({"haar": [{"box": [1, 2], "happy": 0.5}]}, 0.0),
        ({"haar": [{"box": [1, 2], "happy": 0.25}]}, 0.25),
        ({"haar": [{"box": [1, 3], "happy": 0.5}]}, float("inf")),
        ({"haar": []}, float("inf")),
        ({"haar": [{"box": [1, 2]}]}, float("inf")),
    ],
)
def test_two_processors_are_compared_by_numbers_and_by_all_else(there: object, difference: float) -> None:
    assert arm.apart({"haar": [{"box": [1, 2], "happy": 0.5}]}, there) == difference


def test_the_locks_that_are_tried_on_arm_are_the_services() -> None:
    assert pins.LOCKS[:2] == ("requirements/service.txt", "requirements/centerface.txt")
    assert all(wheel.endswith("_aarch64") for wheel in arm.WHEELS)
