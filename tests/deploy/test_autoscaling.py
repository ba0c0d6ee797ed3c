"""What the autoscaler of production reads from Prometheus: a number for each pod, also without images."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from deploy.manifests import KUBERNETES, OVERLAYS

(RULE,) = yaml.safe_load((KUBERNETES / "prometheus-adapter.yaml").read_text())["rules"]["custom"]
(PODS,) = [
    metric["pods"]
    for metric in yaml.safe_load((OVERLAYS / "production" / "autoscaler.yaml").read_text())["spec"]["metrics"]
    if metric["type"] == "Pods"
]
# As prometheus-adapter fills its template for two pods.
QUERY = (
    RULE["metricsQuery"].replace("<<.GroupBy>>", "pod").replace("<<.LabelMatchers>>", 'namespace="a",pod=~"one|two"')
)


def series(part: str, pod: str, values: str) -> dict[str, str]:
    labels = f'namespace="a",pod="{pod}",route="/v1/predict",stage="queue"'
    return {"series": f"fer_stage_seconds_{part}{{{labels}}}", "values": values}


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
@pytest.mark.parametrize("every", ["15s", "1m"])
def test_a_pod_has_its_mean_wait_and_0_without_images(tmp_path: Path, every: str) -> None:
    """Of "one" 60 images wait 0.2 s each between two samples, of "two" none comes."""
    inputs = [series("count", "one", "0+60x40"), series("sum", "one", "0+12x40")]
    inputs += [series("count", "two", "0x40"), series("sum", "two", "0x40")]
    expected = [{"labels": f'{{pod="{pod}"}}', "value": value} for pod, value in (("one", 0.2), ("two", 0))]
    case = {"expr": f"round({QUERY}, 0.001)", "eval_time": "10m", "exp_samples": expected}
    written = tmp_path / "query.test.yml"
    written.write_text(
        yaml.safe_dump({"tests": [{"interval": every, "input_series": inputs, "promql_expr_test": [case]}]})
    )
    done = subprocess.run(["promtool", "test", "rules", str(written)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_autoscaler_asks_for_what_the_adapter_makes() -> None:
    assert PODS["metric"]["name"] == RULE["name"]["as"]
