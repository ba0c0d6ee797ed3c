"""A data set, a trained network and an exported model so small that every test can have them. Made once, read only."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.training.csv_files import write_csv
from tests.training.runs import TINY
from training.data.dataset import LABELS, SIZE, Dataset, Split
from training.data.load import load

if TYPE_CHECKING:
    from tests.training.trainers import Stoppable

COUNTS = {"train": 63, "validation": 42, "test": 21}
MARGIN = 0.07


@pytest.fixture(scope="session")
def splits() -> dict[str, Split]:
    """Noise, with a bright bar whose height says the label."""
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
def trainer(data: Dataset, tmp_path_factory: pytest.TempPathFactory) -> "Stoppable":
    """The one trainer whose step is compiled. Its run is `run`."""
    from tests.training.trainers import Stoppable

    return Stoppable(TINY, data, tmp_path_factory.mktemp("beginning"))


@pytest.fixture(scope="session")
def run(trainer: "Stoppable", tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of a network with a few hundred weights, never interrupted."""
    folder = tmp_path_factory.mktemp("run")
    trainer.begin_again(stop_at=None)
    trainer.run(folder)
    return folder


@pytest.fixture(scope="session")
def model_path(run: Path, data: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run as ONNX, exported beside a framing.json with MARGIN."""
    from training.release.export import export

    folder = tmp_path_factory.mktemp("models")
    (folder / "framing.json").write_text(json.dumps({"data": data.name, "margin": MARGIN}))
    export(run, data, folder / "emotion.onnx")
    return folder / "emotion.onnx"


@pytest.fixture(scope="session")
def voted_run(run: Path, data: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run with a votes head of random weights. Its voters see what it sees, but in every fourth face.

    The first ten faces have no votes.
    """
    from dataclasses import replace

    from training.learning import network
    from training.learning.predict import predict_heads
    from training.learning.train import Trainer
    from training.learning.votes import VoteShares

    nothing = np.zeros((len(data.train), 7), np.float32)
    trainer = Trainer(replace(TINY, epochs=1, votes_weight=1.0), data, None, VoteShares(nothing, nothing, "a die"))
    trainer.start_from(run)
    kernel = trainer.average.get_layer(network.VOTES).kernel
    # As sure as a network that has learned.
    kernel.assign(10 * kernel)
    # Equal constants would become one in the file.
    trainer.average.get_layer(network.VOTES).bias.assign(np.linspace(-0.1, 0.1, 7))
    seen = predict_heads(trainer.average, data.validation.faces)[network.VOTES].argmax(1)
    shares = 0.7 * np.eye(7, dtype=np.float32)[(seen + (np.arange(len(seen)) % 4 == 0)) % 7] + 0.3 / 7
    shares[:10] = 0
    trainer.vote_shares = VoteShares(nothing, shares, "a die")

    def count(_rows: np.ndarray, _size: int) -> None:
        trainer.progress.step += 1

    with pytest.MonkeyPatch.context() as patch:
        # A step takes seconds to compile, and these weights are as good as any.
        patch.setattr(trainer, "step", count)
        folder = tmp_path_factory.mktemp("voted")
        trainer.run(folder)
    return folder


@pytest.fixture(scope="session")
def voted_path(voted_run: Path, data: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`voted_run` as ONNX."""
    from training.release.export import export

    path = tmp_path_factory.mktemp("models") / "emotion.onnx"
    export(voted_run, data, path)
    return path


@pytest.fixture(scope="session")
def votes_path(data: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten random votes for each face."""
    from tests.training.csv_files import write_votes

    random = np.random.default_rng(0)
    rows = random.multinomial(10, [0.1] * 10, sum(COUNTS.values()))
    return write_votes(tmp_path_factory.mktemp("votes") / "fer2013new.csv", data, rows.tolist())


@pytest.fixture(scope="session")
def released(model_path: Path, data: Dataset, votes_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything that is said of the exported model: metrics.json, card and all figures."""
    from training import receipt
    from training.data.votes import load_votes
    from training.studies import randomisation

    folder = tmp_path_factory.mktemp("released")
    with pytest.MonkeyPatch.context() as patch:
        # Few faces and shuffles are enough to see that figures are there.
        patch.setattr(randomisation, "SHUFFLES", 1)
        patch.setattr(receipt, "EXPLAINED_FACES", 8)
        receipt.receipt(model_path, data, load_votes(votes_path, data), folder)
    return folder


@pytest.fixture(scope="session")
def fer2013() -> Path:
    """FER-2013 itself, where it lies beside the project."""
    path = Path(__file__).parents[3] / "shared/data/fer2013/fer2013.csv.xz"
    if not path.exists():
        pytest.skip(f"needs FER-2013 at {path}")
    return path


@pytest.fixture(scope="session")
def real_data(fer2013: Path) -> Dataset:
    return load(fer2013, cache_dir=Path(__file__).parents[2] / ".cache")
