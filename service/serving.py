"""Serving: a model file with the workers that have loaded it; all of it is replaced together."""

from dataclasses import dataclass
from functools import cached_property

from .classifier import Contract
from .detectors.available import Searches
from .schemas import ModelName, model_name
from .workers.pool import WorkerPool
from .workers.process import Plan


@dataclass(frozen=True)
class Serving:
    """What answers requests. A request takes it once, so that its answer names the model that gave it."""

    contract: Contract
    model_file: bytes
    """The ONNX file as it was read."""
    detectors: Searches
    """The detectors that the workers have."""
    pool: WorkerPool
    """The workers of images and of the frames of streams."""
    video_plan: Plan
    """What the worker of a video is made of."""
    shadow: Contract | None = None
    """Of the model that reads along."""
    shadow_file: bytes | None = None
    """Its ONNX file as it was read."""

    @cached_property
    def model_name(self) -> ModelName:
        return model_name(self.contract)
