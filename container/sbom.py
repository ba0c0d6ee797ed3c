"""Writes an SBOM (CycloneDX 1.6, JSON) of an image: what was installed, read from where it was installed.

    python sbom.py SITE_PACKAGES PACKAGE_LOCK MODELS >sbom.cdx.json

The Dockerfile runs it while the image is built, so it needs nothing but Python. Debian's packages are those of the
image that it runs in.
"""

import hashlib
import json
import subprocess
import sys
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any
from urllib.parse import quote

Component = dict[str, Any]


def document(
    site_packages: Path, package_lock: Path, models: Path, *, kind: str = "container", debian: bool = True
) -> dict[str, Any]:
    """The SBOM. The same image gives the same document: it has no time and no random number.

    `kind` is what it is the SBOM of; `debian`: with the packages of the system.
    """
    components = [
        *python_packages(site_packages),
        *npm_packages(package_lock),
        *(debian_packages() if debian else []),
        *files(models),
    ]
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {"type": kind, "name": "fer-service"}},
        "components": sorted(components, key=lambda each: str(each["bom-ref"])),
    }


def python_packages(site_packages: Path) -> list[Component]:
    found = (_python_package(each) for each in distributions(path=[str(site_packages)]))
    return list({each["bom-ref"]: each for each in found}.values())


def _python_package(package: Distribution) -> Component:
    name = package.metadata["Name"].lower().replace("_", "-")
    component = _component(name, package.version, f"pkg:pypi/{name}@{package.version}")
    licence = package.metadata.json.get("license_expression")
    return {**component, "licenses": [{"expression": licence}]} if licence else component


def npm_packages(package_lock: Path) -> list[Component]:
    """Those that the page uses, without those that only check it."""
    packages = json.loads(package_lock.read_text())["packages"]
    used = {
        path.rpartition("node_modules/")[2]: each for path, each in packages.items() if path and not each.get("dev")
    }
    return [
        _component(name, each["version"], f"pkg:npm/{quote(name, safe='/')}@{each['version']}")
        for name, each in used.items()
    ]


def debian_packages() -> list[Component]:
    """None where this is no Debian."""
    fields = "${Package} ${Version} ${Architecture}\\n"
    try:
        # A fixed command, found on the image's own path.
        listed = subprocess.run(["dpkg-query", "-W", "-f", fields], capture_output=True, text=True, check=True)  # noqa: S603, S607
    except FileNotFoundError:
        return []
    packages = (line.split() for line in listed.stdout.splitlines())
    return [
        _component(name, version, f"pkg:deb/debian/{name}@{quote(version)}?arch={architecture}")
        for name, version, architecture in packages
    ]


def files(models: Path) -> list[Component]:
    return [
        {
            "type": "machine-learning-model",
            "bom-ref": f"file:{path.name}",
            "name": path.name,
            "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(path.read_bytes()).hexdigest()}],
        }
        for path in sorted(models.glob("*.onnx"))
    ]


def _component(name: str, version: str, purl: str) -> Component:
    return {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}


if __name__ == "__main__":
    json.dump(document(*map(Path, sys.argv[1:4])), sys.stdout, indent=1)
