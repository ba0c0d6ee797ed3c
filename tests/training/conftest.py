"""A data set, a trained network and an exported model so small that every test can have them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from training.data.dataset import LABELS, SIZE, Dataset, Split
from training.data.load import load

COUNTS = {"Training": 63, "PublicTest": 42, "PrivateTest": 21}


def write_csv(path: Path, splits: dict[str, Split], columns: tuple[str, ...] = ("emotion", "pixels", "Usage")) -> Path:
    """As Kaggle ships it; `columns` in any order, with or without spaces."""
    lines = [",".join(columns)]
    for name, split in splits.items():
        for face, label in zip(split.faces, split.labels, strict=True):
            values = {"emotion": str(label), "pixels": " ".join(map(str, face.ravel())), "Usage": name}
            lines.append(",".join(values[column.strip()] for column in columns))
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="session")
def splits() -> dict[str, Split]:
    """Noise, in which label n shows as a bright bar at a height of its own."""
    random = np.random.default_rng(0)
    made = {}
    for name, count in COUNTS.items():
        labels = np.arange(count) % len(LABELS)
        faces = random.integers(0, 120, (count, SIZE, SIZE, 1), dtype=np.uint8)
        for face, label in zip(faces, labels, strict=True):
            face[6 * label + 2 : 6 * label + 8] += 120
        made[name] = Split(faces, labels.astype(np.int64))
    return made


@pytest.fixture(scope="session")
def csv_path(splits: dict[str, Split], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_csv(tmp_path_factory.mktemp("data") / "fer2013.csv", splits)


@pytest.fixture(scope="session")
def data(csv_path: Path) -> Dataset:
    return load(csv_path, partial=True, cache_dir=csv_path.parent / "cache")


@pytest.fixture(scope="session")
def csv_writer() -> Callable[..., Path]:
    return write_csv


@pytest.fixture(scope="session")
def run(data: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of a network with a few hundred weights."""
    from training.learning.recipe import Recipe
    from training.learning.train import Trainer

    folder = tmp_path_factory.mktemp("run")
    recipe = Recipe(epochs=4, batch=21, sizes=((1.0, SIZE),), widths=(4, 8, 8), blocks=(1, 1), average_decay=0.5)
    Trainer(recipe, data, None).run(folder)
    return folder


@pytest.fixture(scope="session")
def model_path(run: Path, data: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from training.release.export import export

    path = tmp_path_factory.mktemp("models") / "emotion.onnx"
    export(run, data, path)
    return path


@pytest.fixture(scope="session")
def fer2013() -> Path:
    """The real thing, where it lies beside the project."""
    path = Path(__file__).parents[3] / "shared/data/fer2013/fer2013.csv.xz"
    if not path.exists():
        pytest.skip(f"needs FER-2013 at {path}")
    return path
