"""What runs the checks elsewhere runs the same commands, on the Pythons that are promised."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PYTHONS = [line.split()[-1] for line in PROJECT["classifiers"] if re.search(r":: \d\.\d+$", line)]
OLDEST, NEWEST = PYTHONS[0], PYTHONS[-1]
WORKFLOW = ROOT / ".github" / "workflows" / "ci.yml"


def test_the_oldest_python_is_the_one_that_is_required() -> None:
    assert PROJECT["requires-python"] == f">={OLDEST}"
    assert sorted(PYTHONS, key=lambda version: int(version.split(".")[1])) == PYTHONS


def test_make_test_runs_on_the_newest_python() -> None:
    assert f"\nNEWEST := {NEWEST}\n" in (ROOT / "Makefile").read_text()


TARGETS = re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_a_new_checkout_has_a_rule_for_all_that_a_target_needs(tmp_path: Path) -> None:
    """Where one is missing, nobody notices who has the environment already."""
    for name in ("Makefile", "pyproject.toml", "package-lock.json", "requirements"):
        (tmp_path / name).symlink_to(ROOT / name)
    command = ["make", "--dry-run", "--keep-going", *TARGETS]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "bench" in TARGETS
    assert done.returncode == 0, done.stderr


def test_the_locks_are_resolved_for_the_oldest_python() -> None:
    assert f"--universal --python-version {OLDEST} " in (ROOT / "Makefile").read_text()


def test_the_workflow_keeps_to_its_schema() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", str(WORKFLOW)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_workflow_calls_what_decides_on_a_change() -> None:
    (job,) = yaml.safe_load(WORKFLOW.read_text())["jobs"].values()
    assert job["steps"][-1] == {"run": ".ci/run"}
    actions = {step["uses"].split("@")[0]: step for step in job["steps"] if "uses" in step}
    assert set(actions["actions/setup-python"]["with"]["python-version"].split()) == {OLDEST, NEWEST}
    for step in actions.values():
        assert re.search(r"@v\d+\.\d+\.\d+$", step["uses"]), step["uses"]


def test_a_commit_is_checked_by_the_same_command() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    (repository,) = config["repos"]
    assert repository["repo"] == "local"
    assert [hook["entry"] for hook in repository["hooks"]] == ["make check"]
