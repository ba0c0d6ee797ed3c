"""The dashboard's queries, asked of a real Prometheus that scrapes a real service."""

import os
import shutil
import signal
import time
from pathlib import Path

import pytest

from benchmarks.dashboard import Traffic, ask, panels, prometheus, without_data, workers
from tests.service.processes import serving

ROOT = Path(__file__).parents[2]
MODEL, PHOTO = ROOT / "models" / "emotion.onnx", ROOT / "tests" / "data" / "astronaut.jpg"
SINCE_S, WITHIN_S = 120.0, 180.0


def test_panels_are_read_with_their_queries() -> None:
    found = panels()
    assert len({panel.title for panel in found}) == len(found) > 10
    assert not [query for panel in found for query, _ in panel.queries if "$" in query]


@pytest.mark.skipif(shutil.which("prometheus") is None, reason="prometheus is not installed")
def test_each_panel_has_data_under_traffic(tmp_path: Path) -> None:
    with (
        serving(MODEL, FER_WORKERS="1", FER_SHADOW_MODEL=str(MODEL)) as (process, address),
        prometheus([address], tmp_path) as url,
        Traffic([f"http://{address}"], [PHOTO], []),
    ):
        until = time.monotonic() + WITHIN_S
        while (empty := without_data(url, SINCE_S)) and time.monotonic() < until:
            time.sleep(0.5)
        assert not empty
        os.kill(workers(process.pid)[0], signal.SIGKILL)
        query = 'fer_workers_replaced_total{reason="died"} > 0'
        while not (found := ask(url, "query", query=query)) and time.monotonic() < until:
            time.sleep(0.5)
        assert found
        assert process.poll() is None
