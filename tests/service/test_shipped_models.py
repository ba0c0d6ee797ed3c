"""The files in models/ are served, and as int8 the model answers nearly as it does."""

import json
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from service.app import create_app
from service.settings import Settings

MODELS = Path(__file__).parents[2] / "models"
INT8 = MODELS / "emotion.int8.onnx"


def answer(model: Path, photo: bytes) -> tuple[str, dict[str, float]]:
    with TestClient(create_app(Settings(model=model, workers=1))) as client:
        (face,) = client.post("/v1/predict", content=photo, params={"explain": "gradcam"}).json()["faces"]
    assert len(face["explanations"]) == 1
    return face["emotion"], face["emotions"]


def test_a_smile_is_happy(photo: bytes) -> None:
    emotion, emotions = answer(MODELS / "emotion.onnx", photo)
    assert emotion == "happy"
    assert sum(emotions.values()) == pytest.approx(1)


def test_the_int8_file_is_there_where_the_card_says_that_it_is_kept(photo: bytes) -> None:
    kept = json.loads((MODELS / "int8.json").read_text())["kept"]
    assert INT8.exists() is kept
    if kept:
        emotion, emotions = answer(INT8, photo)
        assert emotion == "happy"
        assert emotions == pytest.approx(answer(MODELS / "emotion.onnx", photo)[1], abs=0.1)
