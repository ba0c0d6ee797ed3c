"""The image of `make annotate` for a cluster (deploy/ray/Dockerfile), built and run as rayjob.yaml runs it.

The build fetches 1.2 GB and takes minutes: it is done where RAY_IMAGE=1 asks for it.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from deploy.ray import parts
from deploy.ray.analysing import Analysing
from service.settings import Settings
from tests.container.engines import NOT_POSSIBLE_HERE, PHOTO, ROOT, TOOL, Engine, base_image, reason_not_to_use_the_tool

DOCKERFILE = ROOT / "deploy" / "ray" / "Dockerfile"
IMAGE = "localhost/fer-annotate:test"
MEDIA = ROOT.parent / "shared" / "media"


@pytest.fixture
def engine() -> Iterator[Engine]:
    """What has built IMAGE, and runs it."""
    if "RAY_IMAGE" not in os.environ:
        pytest.skip("RAY_IMAGE=1 builds the image of annotate, which takes minutes")
    reasons = []
    for name in ("docker", "podman"):
        engine = Engine(name)
        reason = engine.reason_not_to_use(base_image(DOCKERFILE.read_text()))
        if reason is None:
            engine.build(DOCKERFILE, IMAGE, target="annotate")
            yield engine
            return
        reasons.append(f"{name} {reason}")
    reason = reason_not_to_use_the_tool()
    if reason is not None:
        pytest.skip("; ".join([*reasons, reason]))
    engine = built_by_tool()
    yield engine
    engine.remove(IMAGE)


def built_by_tool() -> Engine:
    def call(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run([TOOL, *arguments], capture_output=True, text=True, check=False)

    environment = call("--print-env")
    if environment.returncode == NOT_POSSIBLE_HERE:
        pytest.skip(f"no containers on this machine: {environment.stderr[-300:]}")
    built = call("--no-run", "--tag", IMAGE, "--file", DOCKERFILE, ROOT)
    assert built.returncode == 0, built.stdout + built.stderr
    return Engine("podman", dict(re.findall(r"(\w+)='?([^' \n]+)", environment.stdout)))


def test_the_image_makes_the_table_that_this_machine_makes(engine: Engine, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for path in (PHOTO, *(MEDIA / "photos").glob("*.jpg"), *(MEDIA / "videos").glob("neutral_to_smile.mp4")):
        shutil.copy(path, folder)
    (folder / "bad.png").write_bytes(b"no picture")
    # The image's user writes the table beside the files.
    tmp_path.chmod(0o777)
    pod = pod_of_the_workers()
    options = ["-v", f"{tmp_path}:/data", "--user", pod["user"], "--memory", pod["memory"], "--cpus", pod["cpus"]]
    # All that it needs is in the image.
    options += ["--shm-size", pod["shared"], "--network", "none"]
    command = ["python", "-m", "deploy.ray.annotate", "/data/in", "/data/faces.parquet"]
    done = engine.run(IMAGE, *command, options=options)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]

    table = pq.read_table(tmp_path / "faces.parquet")
    names, _ = parts.find_files(folder)
    analysing = Analysing(Settings(workers=1), {}, fps=5.0)
    rows, problems = analysing.files(folder, [name for part in parts.parts_of(names, 100) for name in part.files])
    analysing.close()
    assert len(table) > 0
    assert table.equals(pa.Table.from_pylist(rows, table.schema))
    listed = (tmp_path / "faces.parquet.problems.csv").read_text().splitlines()[1:]
    assert [line.split(",")[:2] for line in listed] == [[each.file, each.code] for each in problems]


def pod_of_the_workers() -> dict[str, str]:
    """What rayjob.yaml gives a pod, as the engines' options say it."""
    job = yaml.safe_load((ROOT / "deploy" / "ray" / "rayjob.yaml").read_text())
    pod = job["spec"]["rayClusterSpec"]["headGroupSpec"]["template"]["spec"]
    limits = pod["containers"][0]["resources"]["limits"]
    (shared,) = (each["emptyDir"]["sizeLimit"] for each in pod["volumes"] if each["name"] == "shared")
    user = f"{pod['securityContext']['runAsUser']}:{pod['securityContext']['runAsGroup']}"
    amounts = {"memory": limits["memory"], "shared": shared}
    return {"cpus": limits["cpu"], "user": user} | {
        name: each.removesuffix("i").lower() for name, each in amounts.items()
    }


def test_the_pods_of_the_cluster_have_what_a_container_can_be_given() -> None:
    assert pod_of_the_workers() == {"cpus": "2", "user": "10001:10001", "memory": "3g", "shared": "256m"}
