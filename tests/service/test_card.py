"""The card of a model and its figures, which lie beside its file."""

import json
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from service.card import figures

SPLIT = {"faces": 2, "accuracy": 0.5, "accuracy_95": [0.1, 0.9], "recall": {}, "confusion": [[1, 0], [1, 0]]}


def test_only_the_figures_of_this_very_file_are_given(tmp_path: Path) -> None:
    content = {"model": {"sha256": "a"}, "splits": {"test": {**SPLIT, "nll": 1.0}}}
    (tmp_path / "metrics.json").write_text(json.dumps(content))
    assert figures(tmp_path / "emotion.onnx", "a") == {"test": SPLIT}
    assert figures(tmp_path / "emotion.onnx", "b") is None


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"model": {"sha256": "a"}, "splits": []}'])
def test_a_file_that_is_something_else_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "metrics.json").write_text(text)
    assert figures(tmp_path / "emotion.onnx", "a") is None


def test_a_model_without_a_card_is_served(client: TestClient) -> None:
    assert client.get("/card.json").json() is None
    assert client.get("/card.md").status_code == 404
