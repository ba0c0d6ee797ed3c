"""Where an exported model may be put."""

from pathlib import Path

import onnx

from training.data.dataset import Dataset, is_fer2013
from training.release.origin import NAME


def check_place(out: Path, data: Dataset) -> None:
    """Raise ValueError where a model of other data would overwrite one of FER-2013, such as the shipped one."""
    if out.exists() and not is_fer2013(data.name, data.labels):
        metadata = {entry.key: entry.value for entry in onnx.load(out).metadata_props}
        if metadata.get("name") == NAME:
            raise ValueError(
                f"{out} is a model of FER-2013, and this one is of {data.name}: name another file with --model "
                "(make: MODEL=), or overwrite it with --force."
            )
