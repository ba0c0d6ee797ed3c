"""The compose files parse, Prometheus takes its configuration, and what these name exists."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml

from service.metrics import SPECS

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "deploy" / "compose"
OBSERVE, HAPROXY = COMPOSE / "observe", COMPOSE / "haproxy"
DASHBOARD = OBSERVE / "grafana" / "dashboards" / "expressions.json"
ADAPTER = ROOT / "deploy" / "kubernetes" / "prometheus-adapter.yaml"
FILES = [ROOT / "docker-compose.yml", *sorted(COMPOSE.glob("*.yml"))]


class Loader(yaml.SafeLoader):
    """Also reads `!reset`, with which a compose file takes back what another one says."""


Loader.add_constructor("!reset", lambda *_: [])


def run(*command: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | environment)


def needs(program: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_compose_file_keeps_to_the_specification(path: Path, tmp_path: Path) -> None:
    plain = tmp_path / "compose.json"
    plain.write_text(json.dumps(yaml.load(path.read_text(), Loader)))  # noqa: S506 - a safe loader with one more tag
    done = run(sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(plain))
    assert done.returncode == 0, done.stdout


def services() -> dict[str, dict[str, Any]]:
    """What all files together say of each service; lists are joined, other values are those of the last file."""
    merged: dict[str, dict[str, Any]] = {}
    for path in FILES:
        for name, said in yaml.load(path.read_text(), Loader)["services"].items():  # noqa: S506
            before = merged.setdefault(name, {})
            for key, value in said.items():
                before[key] = [*before.get(key, ()), *value] if isinstance(value, list) else value
    return merged


@dataclass(frozen=True)
class Mount:
    source: str
    target: PurePosixPath
    read_only: bool


def mounts(said: dict[str, Any]) -> list[Mount]:
    """Those of a service, in the short form (the default of a variable has a colon, too) and the long one."""
    found = []
    for volume in said.get("volumes", ()):
        if isinstance(volume, dict):
            found.append(Mount(volume["source"], PurePosixPath(volume["target"]), volume.get("read_only", False)))
        else:
            source, target, options = re.fullmatch(r"((?:\$\{[^}]*\}|[^:$])+):([^:]+)(?::(\w+))?", volume).groups()  # type: ignore[union-attr]
            found.append(Mount(source, PurePosixPath(target), options == "ro"))
    return found


@pytest.mark.parametrize("name", services())
def test_what_a_compose_file_mounts_exists(name: str) -> None:
    folders = [mount.source for mount in mounts(services()[name]) if mount.source.startswith("./")]
    assert all((ROOT / folder).exists() for folder in folders), folders


@pytest.mark.parametrize("name", services())
def test_nothing_is_mounted_inside_what_is_read_only(name: str) -> None:
    """A container's runtime cannot make the mount point there, and the container does not start."""
    all_mounts = mounts(services()[name])
    for outer in (mount.target for mount in all_mounts if mount.read_only):
        assert not [mount.target for mount in all_mounts if outer in mount.target.parents]


def test_what_haproxy_is_told_to_read_is_mounted() -> None:
    said = services()["proxy"]
    mounted = [mount.target for mount in mounts(said)]
    read = [PurePosixPath(said["environment"][name]) for name in ("CERTIFICATE", "ERRORS")]
    read += [PurePosixPath(word) for word in said["command"] if word.endswith(".cfg")]
    assert len(read) == 4
    for path in read:
        assert {path, *path.parents} & set(mounted), path


def test_what_the_readme_says_to_set_is_passed_on() -> None:
    said = services()
    given = "".join(str(value) for name in ("service", "proxy") for value in said[name].items())
    named = re.findall(r"`([A-Z_]+)=[^` ]*`", (COMPOSE / "README.md").read_text())
    assert {"FER_HOSTS", "FER_RATE", "CERTIFICATE_FILE"} <= set(named)
    for name in named:
        assert f"${{{name}:-" in given, name


def test_keys_that_the_readme_makes_are_not_committed() -> None:
    made = re.findall(r"[-\w]+\.pem", (COMPOSE / "README.md").read_text())
    assert {"key.pem", "certificate.pem"} <= set(made)
    assert "*.pem" in (ROOT / ".gitignore").read_text().splitlines()


@needs("promtool")
@pytest.mark.parametrize(
    "command",
    [
        ("check", "config", str(OBSERVE / "prometheus.yml")),
        ("test", "rules", str(Path(__file__).with_name("alerts.test.yml"))),
    ],
    ids=["configuration", "alerts"],
)
def test_prometheus_takes_its_configuration_and_alerts(command: tuple[str, ...]) -> None:
    done = run("promtool", *command)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_tested() -> None:
    (group,) = yaml.safe_load((OBSERVE / "alerts.yml").read_text())["groups"]
    tests = yaml.safe_load(Path(__file__).with_name("alerts.test.yml").read_text())["tests"]
    cases = [case for test in tests for case in test["alert_rule_test"]]
    for rule in group["rules"]:
        raised = [bool(case["exp_alerts"]) for case in cases if case["alertname"] == rule["alert"]]
        assert sorted(raised) == [False, True], rule["alert"]


def queries() -> list[str]:
    panels: list[dict[str, Any]] = json.loads(DASHBOARD.read_text())["panels"]
    return [target["expr"] for panel in panels for target in panel["targets"]]


def test_only_metrics_that_exist_are_asked_for() -> None:
    names = {spec.name for spec in SPECS}
    known = names | {f"{name}{end}" for name in names for end in ("_bucket", "_sum", "_count")}
    texts = [(OBSERVE / "alerts.yml").read_text(), ADAPTER.read_text(), *queries()]
    asked = {name for text in texts for name in re.findall(r"\bfer_[a-z_]+\b", text)}
    assert asked - known == {"fer_queue_seconds"}
    # Without what the adapter makes itself, most of what there is.
    assert len(asked & known) > len(names) / 2
