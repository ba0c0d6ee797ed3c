"""make bench: its quick way goes all the way to the files, and its page says which bars are reached."""

import json
from pathlib import Path

import pytest

from benchmarks import all as everything
from benchmarks import report


def test_a_section_is_measured_and_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(everything, "PEER_PYTHON", tmp_path / "nowhere")
    everything.main(["--quick", "--only", "stages", "--out", str(tmp_path)])
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["about"]["quick"] is True
    assert {(row["detector"], row["heatmaps"]) for row in results["stages"]} >= {("haar", "no"), ("haar", "yes")}
    assert all(row["faces"] == 1 and row["median_ms"] > row["detect"] > 0 for row in results["stages"])
    assert "\n## Stages in one process\n" in (tmp_path / "README.md").read_text()


def test_the_page_says_which_bars_are_reached() -> None:
    results = {
        "fer": [
            {
                "photo": "512x512, 1 face",
                "ms": {"fer": [60.0, 50.0, 90.0], "haar": [30, 30, 30], "centerface": [9, 11, 10]},
            }
        ],
        "startup": {"make run": [2.4, 2.6, 3.0]},
        "streams": [{"streams": 32, "detector": "haar", "per_s_each": 6.0, "age_ms": [30.0, 351.0, 500.0]}],
    }
    found = {(what, value): reached for what, value, _, reached in report.bars(results)}
    assert list(found.values()) == ["yes", "", "yes", "NO", "NO"]
    assert ("centerface, one at a time, beside `fer`: times as fast", "6.67") in found
