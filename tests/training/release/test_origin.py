"""Where a model says that it comes from."""

import subprocess
from dataclasses import replace
from pathlib import Path

from training.data.dataset import Dataset
from training.release import origin


def test_code_version(tmp_path: Path) -> None:
    assert origin.code_version(tmp_path) == "unknown"
    git: list[str | Path] = ["git", "-C", tmp_path, "-c", "user.name=a", "-c", "user.email=a@example.org"]
    (tmp_path / "file").write_text("1")
    for command in (["init", "-q"], ["add", "file"], ["commit", "-q", "-m", "first"]):
        subprocess.run([*git, *command], check=True)
    commit = origin.code_version(tmp_path)
    assert len(commit) == 40
    (tmp_path / "file").write_text("2")
    assert origin.code_version(tmp_path) == f"{commit}+dirty"


def test_only_fer2013_has_the_project_s_name_and_licence(data: Dataset) -> None:
    assert origin.names(data)["name"] == "fer-emotion"
    assert origin.names(data)["licence"].startswith("Apache-2.0 (weights)")
    # A folder may have FER-2013's name and other labels.
    other = origin.names(replace(data, labels=("a", "b")))
    assert other["name"] == "FER-2013"
    assert other["licence"].startswith("not stated")
