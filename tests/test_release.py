"""`make release`: what it refuses, what it leaves out and says so, and that its parts name what exists."""

import re
import stat
import subprocess
from pathlib import Path

import pytest

from release import ReleaseError, arm, image, pins, sums, versions
from release.__main__ import main

ROOT = Path(__file__).parents[1]
DOCKERFILES = [(ROOT / path).read_text() for path in ("Dockerfile", "deploy/ray/Dockerfile")]


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
    copied = re.findall(r"requirements/\S+\.txt", "\n".join(re.findall(r"(?m)^COPY .*", "\n".join(DOCKERFILES))))
    assert sorted(pins.LOCKS) == sorted(set(copied))
    for dockerfile in DOCKERFILES:
        assert f"=python:{pins.PYTHON}-slim-" in dockerfile


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


# What docker and podman do with these commands, as far as it matters here: the default builder refuses two platforms,
# another one keeps what it has built to itself unless it is told where to write it, and `save` writes a file.
FALSE_BUILDER = """
echo "$*" >>"$ASKED"
previous= builder= platforms=1 written=
for word in "$@"; do
    case "$previous" in
        --builder) builder=$word;;
        --platform) platforms=2;;
        --output) written=${word#type=oci,dest=};;
    esac
    previous=$word
done
case "$1 $2" in
    "buildx build")
        [ -n "$builder" ] || [ $platforms = 1 ] || exit 1
        [ -z "$written" ] || echo both >"$written";;
    "build "*) ;;
    "save "*) echo one >"$written";;
esac
"""


@pytest.mark.parametrize(
    ("builders", "emulated", "words", "kind"),
    [
        ([], False, "not built, as neither docker nor podman runs here", None),
        (["podman"], False, r"this machine's processor alone \(no emulator", "one"),
        (["podman"], True, r"this machine's processor alone \(podman", "one"),
        (["docker"], False, r"this machine's processor alone \(no emulator", "one"),
        (["docker", "podman"], True, "built for linux/amd64,linux/arm64", "both"),
    ],
)
def test_the_image_is_built_to_a_file_for_what_can_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, builders: list[str], emulated: bool, words: str, kind: str | None
) -> None:
    for name in builders:
        program(tmp_path / "bin" / name, FALSE_BUILDER)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("ASKED", str(tmp_path / "asked"))
    for folder in ("emulators", "dist"):
        (tmp_path / folder).mkdir()
    if emulated:
        (tmp_path / "emulators" / "qemu-aarch64").touch()
    assert re.search(words, image.build("1.2.0", tmp_path / "dist", tmp_path / "emulators"))
    written = {path.name: path.read_text().strip() for path in (tmp_path / "dist").iterdir()}
    assert written == ({"fer-service-1.2.0.tar": kind} if kind else {})
    sums.write(tmp_path / "dist")
    assert len((tmp_path / "dist" / sums.NAME).read_text().splitlines()) == len(written)
    if kind:
        asked = (tmp_path / "asked").read_text()
        assert "--target service --tag fer-service:1.2.0 ." in asked
        assert re.findall("buildx create .*--name (.*)", asked) == re.findall("buildx rm (.*)", asked)


@pytest.mark.parametrize(
    ("emulated", "fails", "lacks"),
    [
        (False, '[ "$1" = info ]', "could not be built: docker build"),
        (False, '[ "$1" != save ]', "could not be built: docker save"),
        (False, ":", "not written"),
        (True, '[ "$2" != build ]', "could not be built: docker buildx build"),
        (True, ":", "not written"),
    ],
)
def test_an_image_that_is_not_there_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, emulated: bool, fails: str, lacks: str
) -> None:
    program(tmp_path / "docker", f'echo "$*" >>{tmp_path}/asked; {fails}')
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "emulators").mkdir()
    if emulated:
        (tmp_path / "emulators" / "qemu-aarch64").touch()
    with pytest.raises(ReleaseError, match=lacks):
        image.build("1.2.0", tmp_path / "dist", tmp_path / "emulators")
    assert ("buildx rm" in (tmp_path / "asked").read_text()) == emulated, "its own builder is removed"


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
