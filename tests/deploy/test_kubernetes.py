"""The manifests are what Kubernetes takes, and say what the service understands."""

import re
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml

from deploy import manifests, rayjobs
from deploy.manifests import Manifest, ManifestError
from service import __version__, settings

needs_kustomize = pytest.mark.skipif(manifests.kustomize() is None, reason="neither kubectl nor kustomize is installed")


@pytest.fixture(scope="module", params=manifests.overlays(), ids=lambda folder: folder.name)
def folder(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


@pytest.fixture(scope="module", params=[manifests.build, manifests.build_with_components], ids=["alone", "components"])
def overlay(request: pytest.FixtureRequest, folder: Path) -> list[Manifest]:
    made: list[Manifest] = request.param(folder)
    return made


def of_kind(overlay: list[Manifest], kind: str, name: str = "expressions") -> Manifest:
    (found,) = (each for each in overlay if (each["kind"], each["metadata"]["name"]) == (kind, name))
    return found


def test_all_are_valid(capsys: pytest.CaptureFixture[str]) -> None:
    assert manifests.main() == 0
    assert re.search(rf"\d+ manifests are what Kubernetes {manifests.OLDEST} and \S+ take", capsys.readouterr().out)


def test_without_kustomize_the_base_is_checked_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("deploy.manifests.shutil.which", lambda *_, **__: None)
    assert manifests.main() == 0
    assert "skipped: the overlays" in capsys.readouterr().out
    with pytest.raises(ManifestError, match="neither kubectl nor kustomize"):
        manifests.build(manifests.BASE)


def test_the_pinned_kubectl_is_taken_before_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("environment/python", "environment/kubectl", "others/kubectl", "others/kustomize"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "others"))
    monkeypatch.setattr("sys.executable", str(tmp_path / "environment" / "python"))
    assert manifests.kustomize() == [str(tmp_path / "environment" / "kubectl"), "kustomize"]
    (tmp_path / "environment" / "kubectl").unlink()
    assert manifests.kustomize() == [str(tmp_path / "others" / "kubectl"), "kustomize"]
    (tmp_path / "others" / "kubectl").unlink()
    assert manifests.kustomize() == [str(tmp_path / "others" / "kustomize"), "build"]


def test_a_mistake_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}, "spec": {"ports": "80"}}
    with pytest.raises(ManifestError, match=r"Service a, Kubernetes 1.28: spec.ports"):
        manifests.validate(service, "1.28")
    with pytest.raises(ManifestError, match=r"Service a.*Additional properties"):
        manifests.validate(service | {"spec": {"port": 80}}, "1.28")
    with pytest.raises(ManifestError, match="Thing None"):
        manifests.validate({"apiVersion": "v1", "kind": "Thing"}, "1.28")
    monkeypatch.setattr(manifests, "kustomize", lambda: None)
    monkeypatch.setattr(manifests, "base_files", lambda: iter([service]))
    assert manifests.main() == 1
    assert "spec.ports" in capsys.readouterr().err


@needs_kustomize
def test_what_kustomize_refuses_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "kustomization.yaml").write_text("resources: [missing.yaml]")
    with pytest.raises(ManifestError, match=r"missing\.yaml"):
        manifests.build(tmp_path)
    monkeypatch.setattr(manifests, "overlays", lambda: [tmp_path])
    assert manifests.main() == 1
    assert "missing.yaml" in capsys.readouterr().err


@needs_kustomize
def test_the_service_takes_its_settings(
    overlay: list[Manifest], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (container,) = of_kind(overlay, "Deployment")["spec"]["template"]["spec"]["containers"]
    given = {each["name"]: each["value"] for each in container["env"]}
    if "FER_API_KEYS_FILE" in given:
        mounts = {each["mountPath"] for each in container["volumeMounts"]}
        assert str(Path(given["FER_API_KEYS_FILE"]).parent) in mounts
        monkeypatch.chdir(tmp_path)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    loaded = settings.load()
    assert "expressions" in loaded.hosts


@needs_kustomize
def test_no_variable_of_kubernetes_is_a_setting(overlay: list[Manifest]) -> None:
    pod = of_kind(overlay, "Deployment")["spec"]["template"]["spec"]
    assert pod["enableServiceLinks"] is False
    names = [each["metadata"]["name"] for each in overlay if each["kind"] == "Service"]
    assert not [name for name in names if name.upper().replace("-", "_").startswith(("FER", "HOST", "PORT"))]


@needs_kustomize
def test_who_selects_finds_the_pods_and_no_others(overlay: list[Manifest]) -> None:
    labels = of_kind(overlay, "Deployment")["spec"]["template"]["metadata"]["labels"]
    selectors = [
        of_kind(overlay, "Service")["spec"]["selector"],
        of_kind(overlay, "Deployment")["spec"]["selector"]["matchLabels"],
        of_kind(overlay, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        of_kind(overlay, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
    ]
    for selector in selectors:
        assert selector
        assert selector.items() <= labels.items()


@needs_kustomize
def test_a_pod_writes_nothing_and_may_nothing(overlay: list[Manifest]) -> None:
    for deployment in (each for each in overlay if each["kind"] == "Deployment"):
        pod = deployment["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["automountServiceAccountToken"] is False
        (container,) = pod["containers"]
        assert container["securityContext"] == {
            "readOnlyRootFilesystem": True,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"]["memory"]
        writable = {each["name"] for each in container.get("volumeMounts", ()) if not each.get("readOnly")}
        for volume in pod.get("volumes", ()):
            assert volume["name"] not in writable or volume["emptyDir"]["medium"] == "Memory"


@needs_kustomize
def test_model_files_lie_in_a_folder_of_the_claimed_volume(folder: Path) -> None:
    made = manifests.build_with_components(folder)
    pod = of_kind(made, "Deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    given = {each["name"]: each["value"] for each in container["env"]}
    (mount,) = (each for each in container["volumeMounts"] if each["name"] == "models")
    for name in ("FER_MODEL", "FER_SHADOW_MODEL"):
        assert str(PurePosixPath(given[name]).parent) == mount["mountPath"]
    # A mounted file (subPath) would stay the old one when it is replaced.
    assert "subPath" not in mount
    (volume,) = (each for each in pod["volumes"] if each["name"] == "models")
    claim = volume["persistentVolumeClaim"]["claimName"]
    assert of_kind(made, "PersistentVolumeClaim", claim)["metadata"]["namespace"] == "expressions"
    writer = yaml.safe_load(manifests.MODEL_WRITER.read_text())["spec"]
    assert writer["volumes"] == [volume]
    assert writer["securityContext"].items() >= pod["securityContext"].items()
    (writing,) = writer["containers"]
    assert writing["volumeMounts"] == [{"name": "models", "mountPath": mount["mountPath"]}]
    assert writing["securityContext"] == container["securityContext"]


@needs_kustomize
def test_probes_ask_what_needs_no_key(overlay: list[Manifest]) -> None:
    (container,) = of_kind(overlay, "Deployment")["spec"]["template"]["spec"]["containers"]
    paths = {probe: container[f"{probe}Probe"]["httpGet"]["path"] for probe in ("startup", "readiness", "liveness")}
    assert paths == {"startup": "/readyz", "readiness": "/readyz", "liveness": "/livez"}


# --- the job for KubeRay -----------------------------------------------------------------------


@pytest.fixture
def job() -> Manifest:
    job: Manifest = yaml.safe_load(manifests.RAY_JOB.read_text())
    return job


@pytest.mark.parametrize(
    ("place", "value", "reason"),
    [
        (("spec", "entryPoint"), "python", r"spec: .*entryPoint.*unexpected"),
        (("spec", "backoffLimit"), "3", "spec.backoffLimit: '3' is not of type 'integer'"),
        (("spec", "rayClusterSpec", "workerGroupSpecs", 0, "groupName"), 1, "workerGroupSpecs.0.groupName"),
        (("spec", "rayClusterSpec", "headGroupSpec", "rayStartParams", "num-cpus"), 0, "num-cpus: 0 is not of type"),
        (("apiVersion",), "ray.io/v2", "apiVersion"),
    ],
)
def test_a_mistake_in_the_job_is_named(job: Manifest, place: tuple[str | int, ...], value: Any, reason: str) -> None:
    *way, last = place
    changed: Any = job
    for step in way:
        changed = changed[step]
    changed[last] = value
    with pytest.raises(ManifestError, match=reason):
        manifests.ray_job_pods(job)


def test_a_mistake_in_a_pod_of_the_job_is_named(job: Manifest) -> None:
    job["spec"]["submitterPodTemplate"]["spec"]["containers"][0]["port"] = 80
    *_, submitter = manifests.ray_job_pods(job)
    with pytest.raises(ManifestError, match=r"PodTemplate annotate-submitter.*Additional properties"):
        manifests.validate(submitter, manifests.OLDEST)


def test_the_pods_of_the_job_may_nothing_and_are_one_image(job: Manifest) -> None:
    pods = [pod["template"]["spec"] for pod in rayjobs.pods(job)]
    assert len(pods) == 3
    containers = [container for pod in pods for container in pod["containers"]]
    assert {each["image"] for each in containers} == {f"fer-annotate:{__version__}"}
    for pod, container in zip(pods, containers, strict=True):
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["automountServiceAccountToken"] is False
        assert container["securityContext"]["readOnlyRootFilesystem"]
        assert container["resources"]["limits"]["memory"]


def test_the_job_names_the_version_of_ray_that_the_image_has(job: Manifest) -> None:
    lock = (Path(__file__).parents[2] / "requirements" / "ray-cluster.txt").read_text()
    (version,) = re.findall(r"(?m)^ray\[.*\]==([\d.]+)", lock)
    assert job["spec"]["rayClusterSpec"]["rayVersion"] == version
