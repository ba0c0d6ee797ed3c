"""Checks the manifests of deploy/kubernetes and deploy/ray: `python -m deploy.manifests`. No cluster is asked.

Each overlay is built by kustomize (`kubectl kustomize` or `kustomize`), alone and with all components, and compared
with the schemas of the oldest Kubernetes that is meant, and of the newest that is known here. Without kustomize the
base's files alone are checked.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import kubernetes_validate
import yaml

from deploy import rayjobs

KUBERNETES = Path(__file__).parent / "kubernetes"
BASE, OVERLAYS = KUBERNETES / "base", KUBERNETES / "overlays"
# In the order in which they are applied.
COMPONENTS = tuple(KUBERNETES / "components" / name for name in ("model", "shadow-model"))
MODEL_WRITER = KUBERNETES / "model-writer.yaml"
RAY_JOB = Path(__file__).parent / "ray" / "rayjob.yaml"
# For autoscaling/v2 and lifecycle hooks as they are used here.
OLDEST = "1.28"

Manifest = dict[str, Any]


class ManifestError(Exception):
    """A manifest cannot be built, or is not what Kubernetes takes; the message names it."""


def kustomize() -> list[str] | None:
    """The command that builds an overlay whose folder follows; None where neither program is installed.

    What lies beside this Python comes first: it is pinned (requirements/kubectl.txt).
    """
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    for name, verb in (("kubectl", "kustomize"), ("kustomize", "build")):
        if found := shutil.which(name, path=path):
            return [found, verb]
    return None


def overlays() -> list[Path]:
    return sorted(path for path in OVERLAYS.iterdir() if path.is_dir())


def build(folder: Path) -> list[Manifest]:
    """The manifests of an overlay or base. Raises ManifestError where kustomize is missing or refuses it."""
    command = kustomize()
    if command is None:
        raise ManifestError("neither kubectl nor kustomize is installed.")
    done = subprocess.run([*command, str(folder)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ManifestError(f"{folder}: {done.stderr.strip()}")
    return list(yaml.safe_load_all(done.stdout))


def build_with_components(overlay: Path) -> list[Manifest]:
    """The manifests of an overlay to which all components are added. Raises ManifestError as `build`."""
    with tempfile.TemporaryDirectory() as folder:
        copied = Path(shutil.copytree(KUBERNETES, Path(folder) / KUBERNETES.name)) / overlay.relative_to(KUBERNETES)
        written = copied / "kustomization.yaml"
        added = {"components": [f"../../{path.relative_to(KUBERNETES)}" for path in COMPONENTS]}
        written.write_text(yaml.safe_dump(yaml.safe_load(written.read_text()) | added))
        return build(copied)


def base_files() -> Iterator[Manifest]:
    """The manifests of the base as they are written."""
    for path in sorted(BASE.glob("*.yaml")):
        if path.name != "kustomization.yaml":
            yield from yaml.safe_load_all(path.read_text())


def validate(manifest: Manifest, version: str) -> None:
    """Compare with the schema of a Kubernetes version; unknown fields are wrong. Raises ManifestError."""
    name = f"{manifest.get('kind')} {manifest.get('metadata', {}).get('name')}"
    try:
        kubernetes_validate.validate(manifest, version, strict=True)
    except kubernetes_validate.ValidationError as error:
        place = ".".join(str(step) for step in error.path)
        raise ManifestError(f"{name}, Kubernetes {version}: {place}: {error.message}") from None
    except kubernetes_validate.SchemaNotFoundError as error:
        raise ManifestError(f"{name}: {error.message}") from None


def ray_job_pods(job: Manifest) -> list[Manifest]:
    """The pods of a RayJob, whose other fields are valid. Raises ManifestError."""
    try:
        rayjobs.validate(job)
    except jsonschema.ValidationError as error:
        place = ".".join(str(step) for step in error.path)
        raise ManifestError(f"{job.get('kind')} {RAY_JOB.name}: {place}: {error.message}") from None
    return list(rayjobs.pods(job))


def main() -> int:
    versions = (OLDEST, kubernetes_validate.latest_version())
    found = kustomize()
    if not found:
        print("skipped: the overlays (neither kubectl nor kustomize is installed); the base's files are checked alone")
    try:
        sets = [list(base_files())]
        if found:
            sets = [make(folder) for folder in overlays() for make in (build, build_with_components)]
        sets.append([yaml.safe_load(MODEL_WRITER.read_text())])
        sets.append(ray_job_pods(yaml.safe_load(RAY_JOB.read_text())))
        different = {json.dumps(each, sort_keys=True): each for manifests in sets for each in manifests}
        for manifest in different.values():
            for version in versions:
                validate(manifest, version)
    except ManifestError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{len(different)} manifests are what Kubernetes {' and '.join(versions)} take")
    return 0


if __name__ == "__main__":
    sys.exit(main())
