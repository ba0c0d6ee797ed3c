"""What lies beside a model file: its card, and the figures that the card shows."""

import json
from pathlib import Path
from typing import Any

CARD = "MODEL_CARD.md"
_FIGURES = "metrics.json"
_OF_A_SPLIT = ("faces", "accuracy", "accuracy_95", "recall", "confusion")


def figures(model: Path, sha256: str) -> dict[str, Any] | None:
    """The figures of each split by its name; null where there are none for this very file.

    `confusion` counts faces: a row for each label of the data, a column for each answer.
    """
    try:
        content = json.loads((model.parent / _FIGURES).read_bytes())
        if content["model"]["sha256"] != sha256:
            return None
        return {
            name: {key: split[key] for key in _OF_A_SPLIT if key in split} for name, split in content["splits"].items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        # A person may have put anything there.
        return None
