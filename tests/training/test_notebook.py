"""The notebook that trains on one's own labels, from pictures to the service's answers."""

from pathlib import Path

from tests.guide.notebooks import run, shown
from tests.training.pictures import write_shapes

LABELS = ("calm", "glad", "tense")


def test_own_labels(tmp_path: Path) -> None:
    write_shapes(tmp_path / "pictures", {"train": 16, "test": 6}, LABELS)
    # One epoch teaches nothing: what is tested is that each step gets what it needs.
    parameters = 'RUN = Path("run")\nMODEL = RUN / "own.onnx"\nOPTIONS = ["--epochs", "1", "--plain"]'
    cells = run("own_labels", tmp_path, parameters)
    streams = "".join(output.text for cell in cells for output in cell.get("outputs", []) if "text" in output)
    assert "begins with the weights of emotion.onnx, for 1 epochs" in streams
    assert "own.onnx: proved on" in streams
    assert "test: accuracy " in streams
    assert len(shown(cells, "image/png")) == 2
    assert (tmp_path / "run" / "own.onnx").exists()
