"""A model file that fails on some faces only: an error, never an answer without numbers."""

from pathlib import Path

import numpy as np
from fastapi.testclient import TestClient

from service.settings import Settings
from tests.service.answers import assert_problem
from tests.service.conftest import brightness_network, encoded
from tests.service.models import changed, nan_for_bright
from tests.service.streams import limited


def test_an_answer_that_is_no_number_is_500(settings: Settings, tmp_path: Path, white: bytes) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(changed(brightness_network(), nan_for_bright))
    black = encoded(np.zeros((16, 16)))
    with limited(settings, model=path) as client:
        assert _post(client, black) == "dark"
        answer = client.post("/v1/predict?crop=whole", content=white)
        assert_problem(answer, 500, "internal")
        assert "no numbers" not in answer.text
        assert _post(client, black) == "dark", "the worker goes on"


def _post(client: TestClient, picture: bytes) -> str:
    (face,) = client.post("/v1/predict?crop=whole", content=picture).json()["faces"]
    return str(face["emotion"])
