"""What decides on a job's table: resolved once, by the driver, from its call and its environment.

All machines work by it, whatever their own environment says. One that would answer otherwise refuses the job.
"""

import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from service import __version__
from service.classifier import Contract
from service.detectors.available import Searches
from service.problems import InvalidOption
from service.schemas import PredictOptions
from service.settings import DetectorChoice, Settings

# What a file may have, or take. A file over one of them is listed, and has no rows.
LIMITS = ("max_body_bytes", "max_pixels", "deadline_s", "max_video_pixels", "max_video_s", "video_deadline_s")
# They decode, resize, search and compute: another version of one may give other digits.
PACKAGES = ("av", "numpy", "onnxruntime", "opencv-python-headless")


class JobError(Exception):
    """The job cannot be begun or continued; the message says why."""


@dataclass(frozen=True)
class Job:
    """What decides on the table. Also what the manifest says."""

    files: int
    left_out: int
    names_sha256: str
    part_files: int
    options: dict[str, Any]
    """Those of `PredictOptions`, resolved: with the detector and the most faces."""
    fps: float
    limits: dict[str, Any]
    model: dict[str, Any]
    detector: dict[str, Any]
    """As it describes its search."""
    packages: dict[str, str]
    version: str

    def settings(self, model: Path) -> Settings:
        """The settings of every machine's workers, for the model file at this path; nothing is from its environment."""
        return Settings.model_construct(model=model, workers=1, max_faces=self.options["max_faces"], **self.limits)

    def check(self, contract: Contract, searches: Searches) -> None:
        """Raises JobError where this machine has other models or programs than the driver."""
        here = made_by(contract, searches, self.options["detector"])
        if changed := changes({name: getattr(self, name) for name in here}, here):
            raise JobError(f"{platform.node()} would answer otherwise than the driver: {changed}.")


def resolved(settings: Settings, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options with what the settings say where they say nothing, as the service does it."""
    most = min(PredictOptions().max_faces, settings.max_faces)
    return {"detector": settings.detector, "max_faces": most, **options}


def made_by(contract: Contract, searches: Searches, detector: DetectorChoice) -> dict[str, Any]:
    """What makes the answers on this machine, by the names of `Job`. Raises JobError where the detector is missing."""
    try:
        searches.check(detector)
    except InvalidOption as error:
        raise JobError(str(error)) from error
    return {
        "model": {"name": contract.name, "version": contract.version, "sha256": contract.sha256},
        "detector": searches.by_option[detector],
        "packages": {name: metadata.version(name) for name in PACKAGES},
        "version": __version__,
    }


def changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What differs in words: `options.detector was "haar", is "centerface"; …`; empty where nothing does."""
    old, new = dict(_flat(before)), dict(_flat(now))
    return "; ".join(
        f"{name} was {old.get(name, 'not said')}, is {new.get(name, 'not said')}"
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name)
    )


def _flat(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Each value, as JSON, with its path."""
    found = []
    for name, value in values.items():
        found += (
            _flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else [(prefix + name, json.dumps(value))]
        )
    return found
