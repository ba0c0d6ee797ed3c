"""What a result was made with: a hidden file beside it says so, for another call that would take it for its own."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fer_client.results import ModelDescription


class Making:
    """The options of a command, and the model and the detector that answer it."""

    def __init__(self, options: Mapping[str, Any], model: ModelDescription):
        given = {name: value for name, value in options.items() if value is not None}
        self.record = {
            "options": given,
            "model": {"name": model.name, "version": model.version, "sha256": model.sha256},
            "detector": given.get("detector", model.detector.option),
        }

    def is_of(self, result: Path) -> bool:
        """Whether the result was made so; False where nothing says how it was made."""
        try:
            return bool(json.loads(_beside(result).read_text(encoding="utf-8")) == self.record)
        except (OSError, ValueError):
            return False

    def write(self, result: Path) -> None:
        """Say so, once the result is whole."""
        _beside(result).write_text(json.dumps(self.record, indent=1) + "\n", encoding="utf-8")


def is_result(path: Path) -> bool:
    """Whether a file is a result, and says how it was made."""
    return _beside(path).exists()


def forget(result: Path) -> None:
    """Say nothing any more, before the result is made anew: a program may be killed in between."""
    _beside(result).unlink(missing_ok=True)


def _beside(result: Path) -> Path:
    return result.with_name(f".{result.name}.made.json")
