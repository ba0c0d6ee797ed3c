"""Where a model comes from: its name, licence, version, and the code that exported it."""

import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import keras

from training.data.dataset import Dataset, is_fer2013
from training.learning.checkpoints import fingerprint

# Of a model trained on FER-2013. Another model has its data's name, and its licence is for its maker to choose.
NAME = "fer-emotion"
LICENCE = "Apache-2.0 (weights); the training data, FER-2013, is for research use"


def names(data: Dataset) -> dict[str, str]:
    """Metadata: the model's name, its licence, and the data that it was trained on."""
    own = is_fer2013(data.name, data.labels)
    counts = {name: len(split) for name, split in data.splits().items()}
    return {
        "name": NAME if own else data.name,
        "licence": LICENCE if own else f"not stated; it depends on the pictures of {data.name}, the training data",
        "data": json.dumps({"name": data.name, "note": data.note, "faces": counts}),
    }


def version(model: keras.Model) -> str:
    """Day and weights: 2026.11.22+1a2b3c4d."""
    return f"{datetime.now(UTC):%Y.%m.%d}+{weights(model)}"


def weights(model: keras.Model) -> str:
    """The second half of `version`: two networks have the same where they have the same weights."""
    return fingerprint(value.numpy() for value in model.variables)


def code_version(folder: Path = Path(__file__).parent) -> str:
    """The commit of the code that exports, with +dirty where files differ from it; `unknown` outside git."""
    commit = _git(folder, "rev-parse", "HEAD")
    if not commit:
        return "unknown"
    return commit + ("+dirty" if _git(folder, "status", "--porcelain", "--untracked-files=no") else "")


def _git(folder: Path, *arguments: str) -> str:
    try:
        # git is found on the caller's own path, and the arguments are fixed.
        done = subprocess.run(["git", "-C", folder, *arguments], capture_output=True, text=True, check=False)  # noqa: S603, S607
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
