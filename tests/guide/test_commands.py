"""Every command of the guide runs. What needs Docker, a package index or hours is checked against what it names."""

import itertools
import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from service.settings import Settings
from tests.guide.conftest import ROOT
from tests.guide.examples import Example, check, examples

PAGES = sorted((ROOT / "docs").rglob("*.md"))
MAKEFILE = (ROOT / "Makefile").read_text()
COMPOSE_TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE = yaml.safe_load(COMPOSE_TEXT)
DOCKERFILE = (ROOT / "Dockerfile").read_text()
# These do not run here.
NAMED = ("make", "docker", "pip")


def _program(line: str) -> str:
    """The program of a command, after the variables that are set for it."""
    return next(word for word in shlex.split(line, comments=True) if not re.match(r"[A-Z_]+=", word))


def _lines(example: Example) -> list[str]:
    return [line for line in example.code.replace("\\\n", "").splitlines() if shlex.split(line, comments=True)]


def _runs(example: Example) -> bool:
    """Whether a block's commands run. No block mixes commands that run and commands that do not."""
    runs = {_program(line) not in NAMED for line in _lines(example)}
    assert len(runs) == 1, example.code
    return runs.pop()


def _pages(language: str, **only: bool) -> pytest.MarkDecorator:
    """For each page, its examples that are wanted."""
    found = {
        page: [example for example in examples(page, language) if "runs" not in only or _runs(example) is only["runs"]]
        for page in PAGES
    }
    return pytest.mark.parametrize(
        "blocks", [pytest.param(all_, id=str(page.relative_to(ROOT))) for page, all_ in found.items() if all_]
    )


# --- what runs ---------------------------------------------------------------------------------


@pytest.fixture
def environment(url: str, tmp_path: Path) -> dict[str, str]:
    """The environment of a shell in which `fer` and `python` are those of the repository."""
    if shutil.which("curl") is None:
        pytest.skip("needs curl")
    (tmp_path / "bin").mkdir()
    for name, start in (("fer", "-m fer_client"), ("python", "")):
        program = tmp_path / "bin" / name
        program.write_text(f'#!/bin/sh\nexec {sys.executable} {start} "$@"\n')
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FER_")}
    path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
    python = os.pathsep.join((str(ROOT), str(ROOT / "client" / "src")))
    return {**kept, "PATH": path, "PYTHONPATH": python, "FER_URL": url}


@_pages("sh", runs=True)
def test_the_commands_of_a_page(here: Path, url: str, environment: dict[str, str], blocks: list[Example]) -> None:
    """All blocks of a page in one shell; curl fails on no status, so that problems can be shown."""
    code = "".join(f"{{\n{each.code}}} >out.{number}\n" for number, each in enumerate(blocks))
    script = "set -euo pipefail\n" + code.replace("http://127.0.0.1:8000", url)
    done = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    for number, example in enumerate(blocks):
        said = (here / f"out.{number}").read_text()
        assert example.shown is None or said
        check(example, said)


@_pages("python")
def test_the_python_of_a_page(here: Path, url: str, blocks: list[Example], capsys: pytest.CaptureFixture[str]) -> None:
    for example in blocks:
        exec(example.code.replace("http://127.0.0.1:8000", url), {})  # noqa: S102
        check(example, capsys.readouterr().out)


# --- what only names ---------------------------------------------------------------------------


@_pages("sh", runs=False)
def test_the_other_commands_name_what_exists(blocks: list[Example]) -> None:
    for line in (line for example in blocks for line in _lines(example)):
        words = shlex.split(line, comments=True)
        variables = dict(word.split("=", 1) for word in words[: words.index(_program(line))])
        {"make": _make, "docker": _docker, "pip": _pip}[_program(line)](words[words.index(_program(line)) + 1 :])
        settings = {f"FER_{name.upper()}" for name in Settings.model_fields}
        of_compose = set(re.findall(r"\$\{(\w+)", COMPOSE_TEXT))
        known = of_compose if _program(line) == "docker" else settings
        assert {name for name in variables if not name.startswith("OTEL_")} <= known, line


def _make(words: list[str]) -> None:
    """A dry run, and each variable is one that the Makefile reads."""
    for name in (word.split("=")[0] for word in words if "=" in word):
        assert f"$({name})" in MAKEFILE, name
    done = subprocess.run(["make", "-n", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def _docker(words: list[str]) -> None:
    """Services and profiles are those of the compose file, targets and arguments those of the Dockerfile."""
    if words[0] == "build":
        for option, pattern in (("--target", r"(?m)^FROM .* AS {}$"), ("--build-arg", r"(?m)^ARG {}\b")):
            for name in (each for flag, each in itertools.pairwise(words) if flag == option):
                assert re.search(pattern.format(name.split("=")[0]), DOCKERFILE), name
        return
    assert words[0] == "compose"
    rest = words[1:]
    if rest[0] == "--profile":
        assert rest[1] in {profile for each in COMPOSE["services"].values() for profile in each.get("profiles", [])}
        rest = rest[2:]
    command, *arguments = rest
    assert command in ("up", "down", "run", "restart")
    assert {word for word in arguments if not word.startswith("-")} <= set(COMPOSE["services"])


def _pip(words: list[str]) -> None:
    """What is installed is a folder of this repository, and has the extras."""
    assert words[0] == "install"
    for word in words[1:]:
        found = re.fullmatch(r"(\.\S*?)(?:\[(.+)\])?", word)
        assert found, word
        project = tomllib.loads((ROOT / found[1] / "pyproject.toml").read_text())["project"]
        assert set(filter(None, (found[2] or "").split(","))) <= set(project["optional-dependencies"])


# --- what others read --------------------------------------------------------------------------


def test_nginx_takes_its_example(tmp_path: Path) -> None:
    nginx = shutil.which("nginx", path=f"{os.environ['PATH']}{os.pathsep}/usr/sbin")
    if nginx is None:
        pytest.skip("needs nginx")
    [example] = examples(ROOT / "docs" / "guides" / "deployment.md", "nginx")
    for part in ("pem", "key"):
        assert f"/etc/ssl/faces.example.{part};" in example.code
    # Certificates need not exist for a check of what is written.
    code = re.sub(r"(?m)^ *ssl_certificate.*\n", "", example.code.replace("443 ssl", "127.0.0.1:8443"))
    (tmp_path / "nginx.conf").write_text(f"pid {tmp_path}/pid;\nevents {{}}\nhttp {{\naccess_log off;\n{code}}}\n")
    command = [nginx, "-t", "-e", "stderr", "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
