"""Checks manifests of KubeRay's RayJob: a part of `python -m deploy.manifests`.

KubeRay's own schema is 1.3 MB, nearly all of it Kubernetes' pods, again and again. So the pods are compared with
Kubernetes' schemas, as all other manifests are. The fields around them are compared with FIELDS: those of `ray.io/v1`,
as KubeRay 1.6 has them, that a job with a cluster of its own may need. A field that is not there is wrong.
"""

from collections.abc import Iterator
from typing import Any

import jsonschema  # type: ignore[import-untyped]

Manifest = dict[str, Any]

_TEXT, _YES = {"type": "string"}, {"type": "boolean"}
_TEXTS = {"type": "object", "additionalProperties": _TEXT}
_COUNT, _SHARE, _POD = {"type": "integer", "minimum": 0}, {"type": "number", "minimum": 0}, {"type": "object"}


def _object(required: str, **fields: Any) -> dict[str, Any]:
    return {"type": "object", "properties": fields, "required": required.split(), "additionalProperties": False}


_HEAD = _object(
    "rayStartParams template",
    serviceType={"enum": ["ClusterIP", "NodePort", "LoadBalancer"]},
    enableIngress=_YES,
    rayStartParams=_TEXTS,
    template=_POD,
)
_WORKERS = _object(
    "groupName rayStartParams template",
    groupName=_TEXT,
    replicas=_COUNT,
    minReplicas=_COUNT,
    maxReplicas=_COUNT,
    numOfHosts=_COUNT,
    rayStartParams=_TEXTS,
    template=_POD,
)
_CLUSTER = _object(
    "headGroupSpec",
    rayVersion=_TEXT,
    authOptions=_object("", mode={"enum": ["disabled", "token"]}, secretName=_TEXT),
    enableInTreeAutoscaling=_YES,
    autoscalerOptions={"type": "object"},
    headGroupSpec=_HEAD,
    workerGroupSpecs={"type": "array", "items": _WORKERS},
)
_SPEC = _object(
    "entrypoint rayClusterSpec",
    entrypoint=_TEXT,
    entrypointNumCpus=_SHARE,
    runtimeEnvYAML=_TEXT,
    metadata=_TEXTS,
    submissionMode={"enum": ["K8sJobMode", "HTTPMode"]},
    submitterConfig=_object("", backoffLimit=_COUNT),
    submitterPodTemplate=_POD,
    activeDeadlineSeconds={"type": "integer", "minimum": 1},
    backoffLimit=_COUNT,
    shutdownAfterJobFinishes=_YES,
    ttlSecondsAfterFinished=_COUNT,
    suspend=_YES,
    rayClusterSpec=_CLUSTER,
)
FIELDS = _object(
    "apiVersion kind metadata spec",
    apiVersion={"const": "ray.io/v1"},
    kind={"const": "RayJob"},
    metadata=_object("name", name=_TEXT, namespace=_TEXT, labels=_TEXTS, annotations=_TEXTS),
    spec=_SPEC,
)


def validate(job: Manifest) -> None:
    """Raises jsonschema.ValidationError for a field that is unknown, missing or of another type."""
    jsonschema.validate(job, FIELDS)


def pods(job: Manifest) -> Iterator[Manifest]:
    """The pods of a valid job as manifests of Kubernetes' own kind, named for what they are."""
    cluster = job["spec"]["rayClusterSpec"]
    templates = {"head": cluster["headGroupSpec"]["template"]}
    templates |= {group["groupName"]: group["template"] for group in cluster.get("workerGroupSpecs", ())}
    if "submitterPodTemplate" in job["spec"]:
        templates["submitter"] = job["spec"]["submitterPodTemplate"]
    for name, template in templates.items():
        yield {
            "apiVersion": "v1",
            "kind": "PodTemplate",
            "metadata": {"name": f"{job['metadata']['name']}-{name}"},
            "template": template,
        }
